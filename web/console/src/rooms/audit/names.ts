/** Names of what entries are about, asked for once each: the log itself has only numbers. Who may not see gets those. */
import { reactive } from 'vue'
import { memberOf, type Entry } from './entry'
import { api, ok } from '@/shared/api'
import { memberName } from '@/shared/members'
import { useSession } from '@/shared/session'

type Kind = 'member' | 'order' | 'rule'

export function useNames() {
  const session = useSession()
  const known = reactive(new Map<string, string>())
  const asked = new Set<string>()
  let rules: Promise<void> | null = null

  async function member(member_id: string): Promise<void> {
    const found = await ok(api.GET('/v1/members/{member_id}', { params: { path: { member_id } } }))
    const phone = found.identities.find((each) => each.kind === 'phone')?.value
    known.set('member ' + member_id, [found.name, phone].filter(Boolean).join(' ') || memberName(found))
  }

  async function order(order_id: string): Promise<void> {
    const found = await ok(api.GET('/v1/orders/{order_id}', { params: { path: { order_id } } }))
    known.set('order ' + order_id, found.order_no)
  }

  async function readRules(): Promise<void> {
    const page = await ok(api.GET('/v1/earning-rules'))
    for (const rule of page.items) known.set('rule ' + rule.rule_id, rule.current.name)
  }

  function everyRule(): Promise<void> {
    rules ??= readRules()
    return rules
  }

  function ask(kind: Kind, id: string, permission: string, read: () => Promise<void>): void {
    const key = `${kind} ${id}`
    if (asked.has(key) || !session.can(permission)) return
    asked.add(key)
    // Erased, or just not reached: then its number stands there.
    read().catch(() => undefined)
  }

  function learn(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const about = memberOf(entry)
      if (about) ask('member', about, 'members:read', () => member(about))
      if (entry.object_kind === 'order') {
        ask('order', entry.object_id, 'orders:read', () => order(entry.object_id))
      }
      const rule = entry.object_kind === 'rule' ? entry.object_id : entry.after?.rule_id
      if (rule !== undefined && rule !== null) ask('rule', String(rule), 'rules:read', everyRule)
    }
  }

  return { learn, of: (kind: Kind, id: string): string | undefined => known.get(`${kind} ${id}`) }
}

export type Names = ReturnType<typeof useNames>
