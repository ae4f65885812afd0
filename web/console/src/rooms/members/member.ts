/** How a member is shown, and what the forms send. */
import type { Schemas } from '@/shared/api'
import { addDays, type Day } from '@/shared/format'
import type { Member } from '@/shared/members'
import type { Translate } from '@/shared/words'
import type words from './words'

export type T = Translate<typeof words.zh>
export type Kind = Schemas['IdentityInput']['kind']

export const KINDS: readonly Kind[] = ['phone', 'card_no', 'external_id']
export const CHANNELS = ['store', 'qr', 'referral', 'online', 'other'] as const

/** 张**, else the member's number. */
export function shownName(t: T, member: Member): string {
  if (member.name) return member.name
  const own = member.identities.find((identity) => identity.kind === 'external_id') ?? member.identities[0]
  return t('nameless', { no: own?.value ?? member.member_id })
}

/** With the number beside the name, which is masked and may be that of many. */
export function fullName(t: T, member: Member): string {
  const own = member.identities.find((identity) => identity.kind === 'external_id') ?? member.identities[0]
  return member.name && own ? `${member.name} ${own.value}` : shownName(t, member)
}

export const channelName = (t: T, channel: string | null | undefined): string =>
  channel ? t.of('channel_', channel) : '—'

export interface JoinDraft {
  phone: string
  card_no: string
  external_id: string
  name: string
  birthday: string
  store: string | null
  channel: string
  agreed: boolean
  consent_version: string
}

export const emptyJoin = (consent_version: string): JoinDraft => ({
  phone: '',
  card_no: '',
  external_id: '',
  name: '',
  birthday: '',
  store: null,
  channel: 'store',
  agreed: false,
  consent_version,
})

/** What makes somebody a person; a card's number alone doesn't. */
export const isPersonal = (draft: JoinDraft): boolean =>
  Boolean(draft.phone.trim() || draft.name.trim() || draft.birthday)

export type JoinFault = 'one_needed' | 'consent_missing' | 'version_missing'

/** What is missing before it can be sent. */
export function joinFaults(draft: JoinDraft): JoinFault[] {
  const faults: JoinFault[] = []
  if (!KINDS.some((kind) => draft[kind].trim())) faults.push('one_needed')
  if (isPersonal(draft) && !draft.agreed) faults.push('consent_missing')
  if (draft.agreed && !draft.consent_version.trim()) faults.push('version_missing')
  return faults
}

export function joinInput(draft: JoinDraft, store_id: number | null, now: string): Schemas['MemberInput'] {
  const identities = KINDS.filter((kind) => draft[kind].trim()).map((kind) => ({ kind, value: draft[kind].trim() }))
  return {
    identities,
    name: draft.name.trim() || null,
    birthday: draft.birthday || null,
    source: { store_id, channel: draft.channel || null },
    ...(draft.agreed ? { consent_version: draft.consent_version.trim(), consent_at: now } : {}),
  }
}

/** Tags as they are typed: by commas, of either kind. */
export const tagsOf = (typed: string): string[] => [
  ...new Set(
    typed
      .split(/[,，、;；]/)
      .map((tag) => tag.trim())
      .filter(Boolean),
  ),
]

/** The first moment after a day at a place, as the API takes the end of a validity. */
export function endOfDay(day: Day, timezone: string): string {
  const midnight = Date.parse(addDays(day, 1) + 'T00:00:00Z')
  // Twice: the offset at the guess may not be that of the moment, around a change of the clock.
  const first = midnight - offsetAt(midnight, timezone)
  return new Date(midnight - offsetAt(first, timezone)).toISOString()
}

function offsetAt(moment: number, timezone: string): number {
  const parts = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' })
  return Date.parse(parts.format(moment).replace(' ', 'T') + 'Z') - Math.floor(moment / 1000) * 1000
}

/** The last day on which a lot can still be used, from the first moment when it can't. */
export const lastMoment = (expires_at: string): string => new Date(Date.parse(expires_at) - 1).toISOString()

export interface Effect {
  after: number
  repaid: number
}

/** What an adjustment does: what is added repays a debt first. */
export function adjusted({ available = 0, debt = 0 }: { available?: number; debt?: number }, amount: number): Effect {
  const repaid = amount > 0 ? Math.min(amount, debt) : 0
  return { after: available + amount - repaid, repaid }
}
