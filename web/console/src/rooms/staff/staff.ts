/** A person's form: as the page edits it, and what is sent. */
import type { Schemas } from '@/shared/api'

export type Staff = Schemas['Staff']

export interface StaffDraft {
  login: string
  name: string
  phone: string
  role: Staff['role']
  everywhere: boolean
  stores: number[]
}

export const FIELDS = ['login', 'name', 'phone', 'role', 'stores'] as const

export function draftOf(staff: Staff | null): StaffDraft {
  return {
    login: staff?.login ?? '',
    name: staff?.name ?? '',
    // What is kept is shown masked only: an empty field leaves it as it is.
    phone: '',
    role: staff?.role ?? 'cashier',
    everywhere: staff ? staff.stores === null : true,
    stores: [...(staff?.stores ?? [])],
  }
}

/** An owner works everywhere. */
const storesOf = (draft: StaffDraft): number[] | null =>
  draft.everywhere || draft.role === 'owner' ? null : draft.stores.toSorted((a, b) => a - b)

export function inputOf(draft: StaffDraft) {
  return {
    login: draft.login.trim(),
    name: draft.name.trim(),
    phone: draft.phone.trim() || null,
    role: draft.role,
    stores: storesOf(draft),
  } satisfies Schemas['StaffInput']
}

/** Only what differs: a change of what was not touched might undo somebody else's. */
export function patchOf(staff: Staff, draft: StaffDraft): Schemas['StaffPatch'] {
  const patch: Schemas['StaffPatch'] = {}
  const now = inputOf(draft)
  if (now.name !== staff.name) patch.name = now.name
  if (now.role !== staff.role) patch.role = now.role
  if (JSON.stringify(now.stores) !== JSON.stringify(staff.stores)) patch.stores = now.stores
  if (now.phone) patch.phone = now.phone
  return patch
}

export type Wrong = 'name' | 'login' | 'login_form' | 'stores'

export function wrongWith(draft: StaffDraft, fresh: boolean): Wrong[] {
  const wrong: Wrong[] = []
  if (!draft.name.trim()) wrong.push('name')
  if (fresh && !draft.login.trim()) wrong.push('login')
  else if (fresh && !/^[a-z0-9][a-z0-9._@+-]{1,63}$/i.test(draft.login.trim())) wrong.push('login_form')
  if (draft.role !== 'owner' && !draft.everywhere && !draft.stores.length) wrong.push('stores')
  return wrong
}

export type State = 'active' | 'locked' | 'first' | 'off'

export function stateOf(staff: Staff, now = Date.now()): State {
  if (!staff.active) return 'off'
  if (staff.locked_until && Date.parse(staff.locked_until) > now) return 'locked'
  return staff.must_change_password ? 'first' : 'active'
}

export const TONES = { active: 'good', locked: 'bad', first: 'warm', off: 'plain' } as const

/** 电脑 Chrome · Windows, out of a browser's long name; the name itself where nothing is known. */
export function deviceOf(agent: string): { browser: string; system: string } {
  const first = (pairs: readonly (readonly [RegExp, string])[]): string =>
    pairs.find(([pattern]) => pattern.test(agent))?.[1] ?? ''
  const browser = first([
    [/MicroMessenger/, 'WeChat'],
    [/Edg\//, 'Edge'],
    [/Firefox\//, 'Firefox'],
    [/Chrome\//, 'Chrome'],
    [/Safari\//, 'Safari'],
  ])
  const system = first([
    [/iPhone/, 'iPhone'],
    [/iPad/, 'iPad'],
    [/Android/, 'Android'],
    [/Windows/, 'Windows'],
    [/Mac OS/, 'macOS'],
    [/Linux/, 'Linux'],
  ])
  return { browser: browser || agent.slice(0, 40), system }
}
