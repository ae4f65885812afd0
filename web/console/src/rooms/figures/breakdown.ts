/** The rows of a breakdown as they are shown: the biggest, what is left over in one, and the total, which they make. */
import type { Schemas } from '@/shared/api'
import { sharesShown } from '@/shared/format'

type Breakdown = Schemas['Breakdown']

export type Row = Omit<Schemas['BreakdownRow'], 'orders'> & {
  kind: 'row' | 'rest' | 'total'
  orders: number | null
  /** How many rows of the answer stand in it. */
  count: number
}

const sum = (numbers: number[]): number => numbers.reduce((all, one) => all + one, 0)

export function rowsOf(answer: Breakdown, most: number): Row[] {
  const { rows, total, adds_up } = answer
  const shown: Row[] = rows.slice(0, most).map((row) => ({ ...row, kind: 'row', count: 1 }))
  const left = rows.slice(most)
  const unknown = { aov_fen: null, active_members: null, new_members: null, returning_members: null }
  if (left.length) {
    shown.push({
      ...unknown,
      kind: 'rest',
      key: '',
      name: '',
      count: left.length,
      net_fen: sum(left.map((row) => row.net_fen)),
      net_share_bps: sum(left.map((row) => row.net_share_bps ?? 0)),
      // An order with goods of two categories is in both rows: their orders say nothing together.
      orders: adds_up.includes('orders') ? sum(left.map((row) => row.orders)) : null,
    })
  }
  const shares = sharesShown(shown.map((row) => row.net_share_bps))
  shown.forEach((row, n) => (row.net_share_bps = shares[n] ?? null))
  shown.push({
    kind: 'total',
    key: '',
    name: '',
    count: rows.length,
    net_fen: total.net_fen,
    net_share_bps: total.net_fen ? 10_000 : null,
    orders: total.orders,
    aov_fen: total.aov_fen,
    active_members: total.active_members,
    new_members: total.new_members,
    returning_members: total.returning_members,
  })
  return shown
}
