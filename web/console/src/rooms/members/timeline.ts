/** What an item of the timeline says, in words; the page only sets it. */
import type { Schemas } from '@/shared/api'
import type { useFormat } from '@/shared/format'
import { statusName } from '@/shared/orders/order'
import { channelName, type T } from './member'

export type Item = Schemas['TimelineItem']
export type Kind = Item['kind']

export interface Told {
  title: string
  /** Short facts below it. */
  facts: string[]
  /** Points that came or went, when that is the point of it. */
  points: number | null
  to: string | null
}

/** What the page's choice asks the API for; nothing: all. */
export const FILTERS: Record<'all' | 'orders' | 'points' | 'changes', Kind[] | undefined> = {
  all: undefined,
  orders: ['order', 'refund', 'void'],
  points: ['points'],
  changes: ['joined', 'changed', 'revealed'],
}
export type Filter = keyof typeof FILTERS

export function tell(t: T, f: ReturnType<typeof useFormat>, item: Item, store: string | undefined): Told {
  const facts: (string | false | 0 | null | undefined)[] = []
  let title = ''
  let points: number | null = null
  switch (item.kind) {
    case 'joined':
      title = t('t_joined')
      facts.push(store, item.channel && t('t_joined_via', { channel: channelName(t, item.channel) }))
      break
    case 'order':
      title = t(item.status === 'returned' ? 't_return' : 't_order', { amount: f.money(item.amount_fen) })
      facts.push(
        store,
        item.order_no && t('t_order_no', { no: item.order_no }),
        item.status !== 'completed' &&
          item.status !== 'returned' &&
          t('t_order_status', { status: statusName(item.status ?? '') }),
      )
      points = item.points || null
      break
    case 'refund':
    case 'void':
      title = t(item.kind === 'void' ? 't_void' : 't_refund', { amount: f.money(item.amount_fen) })
      facts.push(
        store,
        item.order_no && t('t_order_no', { no: item.order_no }),
        item.reason && t('t_reason', { reason: item.reason }),
        item.debt && t('t_debt', { n: f.integer(item.debt) }),
      )
      points = item.points || null
      break
    case 'points':
      title = t.of('move_', item.movement ?? '')
      facts.push(item.reason && t('t_reason', { reason: item.reason }), t('t_balance', { n: f.integer(item.balance) }))
      points = item.amount ?? null
      break
    case 'changed':
      title = (item.changes ?? []).map((change) => changeWords(t, f, change)).join(f.locale === 'en' ? '; ' : '；')
      facts.push(item.by && t('t_by', { who: item.by }))
      break
    case 'revealed':
      title = t('t_revealed', { fields: (item.fields ?? []).map((each) => t.of('field_', each)).join(listMark(f)) })
      facts.push(item.reason && t('t_reason', { reason: item.reason }), item.by && t('t_by', { who: item.by }))
      break
  }
  return {
    title,
    facts: facts.filter((fact): fact is string => Boolean(fact)),
    points,
    to: item.order_id ? `/orders/${item.order_id}` : null,
  }
}

const listMark = (f: ReturnType<typeof useFormat>): string => (f.locale === 'en' ? ', ' : '、')

function changeWords(t: T, f: ReturnType<typeof useFormat>, change: Schemas['Change']): string {
  const field = t.of('field_', change.field)
  const isIdentity = ['phone', 'card_no', 'external_id'].includes(change.field)
  const value = change.field === 'consent_at' ? f.time(change.after) : (change.after ?? '')
  if (isIdentity && change.after) return t('t_added', { field, value })
  if (isIdentity && change.before) return t('t_removed', { field, value: change.before })
  if (change.after) return t('t_set', { field, value })
  return change.before ? t('t_cleared', { field }) : t('t_changed', { fields: field })
}
