/** Entries of the log: what they are about, what changed, and where one can look at it. */
import type { Schemas } from '@/shared/api'

export type Entry = Schemas['AuditEntry']
type Values = Record<string, unknown>

/** By what they are about, in the order in which people look for them. */
export const ACTIONS = {
  member: ['member.joined', 'member.changed', 'member.revealed'],
  points: ['points.adjusted', 'points.expired'],
  order: ['order.refunded', 'order.voided'],
  rule: ['rule.created', 'rule.changed', 'rule.published', 'rule.disabled', 'rule.draft_changed', 'rule.draft_dropped'],
  import: ['import.queued', 'import.started', 'import.finished', 'import.cancelled', 'import.discarded'],
  login: [
    'login.succeeded',
    'login.failed',
    'login.locked',
    'logout',
    'session.revoked',
    'password.changed',
    'password.reset',
  ],
  staff: ['staff.created', 'staff.changed'],
  key: ['api_key.created', 'api_key.changed', 'api_key.revoked'],
  shop: ['merchant.created', 'merchant.changed', 'store.created', 'store.changed', 'region.created', 'region.changed'],
  system: ['day.closed', 'figures.rebuilt'],
  export: ['export.audit', 'export.import_result'],
} as const
export type Group = keyof typeof ACTIONS

/** In names of texts a dot would be a path. */
export const wordOf = (action: string): string => action.replaceAll('.', '_')

/** Where the thing can be looked at; null: nowhere. */
export function linkOf(entry: Entry): string | null {
  const { object_kind: kind, object_id: id } = entry
  switch (kind) {
    case 'member':
      return `/members/${id}`
    case 'adjustment':
      return memberOf(entry) ? `/members/${memberOf(entry)}` : null
    case 'order':
      return `/orders/${id}`
    case 'store':
      return `/stores/${id}`
    case 'region':
      return '/stores/regions'
    case 'staff':
      return `/staff/${id}`
    case 'api_key':
      return `/keys/${id}`
    case 'import':
      return `/imports/${id}`
    case 'rule':
    case 'rule_draft':
      return '/rules'
    case 'merchant':
      return '/merchant'
    default:
      return null
  }
}

/** The member that an entry is about, whatever its object. */
export function memberOf(entry: Entry): string | null {
  if (entry.object_kind === 'member') return entry.object_id
  const named = entry.after?.member_id
  return typeof named === 'string' ? named : null
}

export interface Change {
  field: string
  before: unknown
  after: unknown
}

/** Fields that changed, or all that is told of what is new; what the sentence says already is left out. */
export function changesOf(entry: Entry, said: readonly string[] = []): Change[] {
  const [before, after]: [Values, Values] = [entry.before ?? {}, entry.after ?? {}]
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return fields
    .filter((field) => !said.includes(field))
    .map((field) => ({ field, before: before[field], after: after[field] }))
    .filter((each) => each.before !== undefined || each.after !== undefined)
}

/** The first moment of a day at a place, as the API takes it. */
export function startOf(day: string, timezone: string): string {
  const noon = new Date(`${day}T12:00:00Z`)
  const parts = new Intl.DateTimeFormat('en-US', { timeZone: timezone, timeZoneName: 'longOffset' }).formatToParts(noon)
  const offset = parts.find((part) => part.type === 'timeZoneName')?.value.replace('GMT', '') ?? ''
  return `${day}T00:00:00${offset || 'Z'}`
}
