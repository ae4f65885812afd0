/** A bill to try rules on: typed, or one that was made. */
import type { Schemas } from '@/shared/api'
import { parseMoney } from '@/shared/format'

export interface TrialLine {
  id: number
  category: string
  amount: string
}

export interface Tried {
  before: Schemas['TriedOut']
  after: Schemas['TriedOut']
  lines: { name: string; paid_fen: number; before: number; after: number }[]
}

type Bill = Schemas['BillIn']
type Line = Schemas['LineIn']

/** null: no line has an amount, or one is none. */
export function typedBill(store: string | null, lines: TrialLine[], kind: string, member: string | null): Bill | null {
  const filled = lines.filter((line) => line.amount.trim())
  const amounts = filled.map((line) => parseMoney(line.amount))
  if (!store || !filled.length || !amounts.every((fen) => fen !== null && fen > 0)) return null
  const goods = filled.map((line, place) => ({ category: line.category.trim(), paid_fen: amounts[place] ?? 0 }))
  const total = goods.reduce((sum, line) => sum + line.paid_fen, 0)
  return { store, member_id: member, lines: goods, tenders: [{ kind, amount_fen: total }] }
}

export function pastBill(order: Schemas['OrderView'], store: string): Bill {
  return {
    store,
    member_id: order.member_id,
    ordered_at: order.ordered_at,
    lines: order.lines.map(({ sku, product, category, quantity, list_fen, paid_fen }) => {
      return { sku, product, category, quantity, list_fen, paid_fen }
    }),
    tenders: order.tenders.map(({ kind, amount_fen }) => ({ kind, amount_fen })),
  }
}

/** Line by line, in the unit that the rule gives. */
export function sideBySide(
  bill: Bill,
  before: Schemas['TriedOut'],
  after: Schemas['TriedOut'],
  unit: 'points' | 'growth',
): Tried {
  const lines = ((bill.lines ?? []) as Line[]).map((line, place) => ({
    name: line.product || line.category || line.sku || '',
    paid_fen: line.paid_fen,
    before: before.lines[place]?.[unit] ?? 0,
    after: after.lines[place]?.[unit] ?? 0,
  }))
  return { before, after, lines }
}
