/** Finding a member by whatever somebody has at hand: phone, its last four digits, card, number or name. */
import { api, ok, type Schemas } from '@/shared/api'

export type Member = Schemas['MemberView']
type Asked = Schemas['MemberSearch']

export interface Found {
  members: Member[]
  /** Whether there are more than were asked for. */
  more: boolean
}

/** In the order in which they are tried: what can only be one member comes first. */
export function searchesFor(typed: string): Asked[] {
  const text = typed.normalize('NFKC').trim()
  if (!text) return []
  const digits = text.replace(/[\s-]/g, '')
  const asked: Asked[] = []
  if (/^\+?\d{6,15}$/.test(digits)) asked.push({ phone: digits })
  if (/^\d{4}$/.test(digits)) asked.push({ phone_last4: digits })
  if (/^[\x21-\x7e]{1,64}$/.test(text)) asked.push({ card_no: text }, { external_id: text })
  if (/^[1-9]\d{3,18}$/.test(text)) asked.push({ member_id: text })
  if (/\p{L}/u.test(text)) asked.push({ name: text })
  return asked
}

/** All that any of the searches finds, each member once. What the API takes for no phone or card is just not found. */
export async function findMembers(typed: string, signal?: AbortSignal, limit = 20): Promise<Found> {
  const answers = await Promise.all(
    searchesFor(typed).map((asked) =>
      ok(api.POST('/v1/members/search', { body: { limit, ...asked }, signal })).catch((error: unknown) => {
        if (error instanceof Error && 'status' in error && error.status === 400) return null
        throw error
      }),
    ),
  )
  const members = new Map<string, Member>()
  for (const answer of answers) for (const member of answer?.items ?? []) members.set(member.member_id, member)
  return { members: [...members.values()].slice(0, limit), more: answers.some((answer) => answer?.next_cursor) }
}

/** How a member is told apart in a list: name, else card, phone or number. */
export function memberName(member: Member): string {
  return member.name ?? member.identities[0]?.value ?? member.member_id
}
