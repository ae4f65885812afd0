/** Keys by their purpose, their state, and a first call to try one with. */
import type { Schemas } from '@/shared/api'
import type { Scope } from '@/shared/roles'

export type Key = Schemas['ApiKey']
export type Purpose = 'till' | 'shop' | 'report' | 'own'

const TILL: Scope[] = [
  'members:read',
  'members:write',
  'orders:read',
  'orders:write',
  'orders:refund',
  'points:read',
  'rules:read',
  'settings:read',
]

/** What a system of that kind needs, and no more. */
export const PURPOSES: Record<Exclude<Purpose, 'own'>, Scope[]> = {
  till: TILL,
  shop: [...TILL, 'imports:read', 'imports:write'],
  report: ['analytics:read', 'members:read', 'orders:read', 'points:read', 'settings:read'],
}

/** The purpose whose scopes a key has, for the list. */
export function purposeOf(scopes: readonly string[]): Purpose | 'all' {
  if (scopes.includes('*')) return 'all'
  const same = (wanted: readonly string[]): boolean =>
    wanted.length === scopes.length && wanted.every((scope) => scopes.includes(scope))
  return (['till', 'shop', 'report'] as const).find((purpose) => same(PURPOSES[purpose])) ?? 'own'
}

export type State = 'active' | 'unused' | 'expired' | 'revoked'

export function stateOf(key: Key, now = Date.now()): State {
  if (key.revoked_at) return 'revoked'
  if (key.expires_at && Date.parse(key.expires_at) <= now) return 'expired'
  return key.last_used_day ? 'active' : 'unused'
}

export const TONES = { active: 'good', unused: 'plain', expired: 'warm', revoked: 'plain' } as const

/** After so many days, as a moment; null: never. */
export const expiryOf = (days: number, now = Date.now()): string | null =>
  days ? new Date(now + days * 86_400_000).toISOString() : null

const TRIES: [Scope, string][] = [
  ['settings:read', '/v1/stores'],
  ['orders:read', '/v1/orders?limit=1'],
  ['analytics:read', '/v1/analytics/overview'],
  ['rules:read', '/v1/earning-rules'],
  ['imports:read', '/v1/imports'],
  ['staff:read', '/v1/staff'],
]

/** Something that reads and that this key may do. */
export function curlOf(token: string, scopes: readonly string[], origin: string): string {
  const path = TRIES.find(([scope]) => scopes.includes(scope) || scopes.includes('*'))?.[1] ?? '/v1/permissions'
  return `curl -H "Authorization: Bearer ${token}" "${origin}${path}"`
}

/** Out of what was typed: null as usual, undefined when it is no rate. */
export function rateOf(typed: string): number | null | undefined {
  const text = typed.normalize('NFKC').trim()
  if (!text) return null
  return /^\d{1,6}$/.test(text) && Number(text) <= 100_000 ? Number(text) : undefined
}
