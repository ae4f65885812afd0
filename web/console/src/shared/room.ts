/**
 * A room is a folder in src/rooms with a room.ts; it is found by itself, no list names it.
 *
 *   export default defineRoom({
 *     name: 'stores', title: { zh: '门店', en: 'Stores' }, icon: Store, group: 'setup', order: 10,
 *     permission: 'settings:read',
 *     pages: [
 *       { path: '/stores', page: () => import('./StoreList.vue') },
 *       { path: '/stores/new', page: () => import('./StoreForm.vue'), permission: 'settings:write',
 *         title: { zh: '新增门店', en: 'Add a store' } },
 *     ],
 *   })
 *
 * The first page is where the menu leads. Who lacks the permission doesn't see the entry, and a page says so.
 */
import type { Component } from 'vue'
import type { Pair } from '@/shared/words'

export interface RoomPage {
  path: string
  /** Route name; default: the path. */
  name?: string
  page: () => Promise<{ default: Component }>
  /** Default: the room's. */
  title?: Pair
  permission?: string
  /** Path params become props of the page. */
  props?: boolean
}

export interface Room {
  name: string
  title: Pair
  icon: Component
  /** Where in the menu: daily work, how business goes, or what is set up once. */
  group: 'work' | 'grow' | 'setup'
  order: number
  permission?: string
  pages: [RoomPage, ...RoomPage[]]
}

export const defineRoom = (room: Room): Room => room
