/** All rooms, found in src/rooms. Their pages and words are loaded when they are opened. */
import type { Room } from '@/shared/room'

const found = import.meta.glob<Room>('../rooms/*/room.ts', { eager: true, import: 'default' })
const GROUPS = ['work', 'grow', 'setup'] as const

export const rooms: Room[] = Object.values(found).toSorted(
  (a, b) => GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group) || a.order - b.order,
)

export interface MenuGroup {
  group: Room['group']
  rooms: Room[]
}

/** What somebody may open, in groups. */
export function menuFor(can: (permission: string | undefined) => boolean): MenuGroup[] {
  return GROUPS.map((group) => ({
    group,
    rooms: rooms.filter((room) => room.group === group && can(room.permission)),
  })).filter((each) => each.rooms.length > 0)
}
