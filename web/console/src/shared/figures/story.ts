/** What the figures of a period say in a sentence: only what they bear out, as names of words with their numbers. */
import type { Schemas } from '@/shared/api'
import { changeBps } from '@/shared/format'

type Figures = Schemas['Figures']

export type Driver = { way: 'up' | 'down'; by: 'orders' | 'aov' } | 'flat' | null

const FLAT_BPS = 50
const THIN = 10

/** Hardly an order in the period before: no measure for this one. */
export const isThin = (now: Figures, before: Figures): boolean => before.orders > 0 && before.orders * THIN < now.orders

/**
 * Whether net sales moved because of the number of orders or of what an order brings. Net is orders x AOV, so the factor
 * that moved more in logarithms carries the change, and always has its direction. null: nothing to compare.
 */
export function driverOf(now: Figures, before: Figures): Driver {
  const change = changeBps(now.net_fen, before.net_fen)
  if (
    isThin(now, before) ||
    change === null ||
    now.orders <= 0 ||
    before.orders <= 0 ||
    now.net_fen <= 0 ||
    before.net_fen <= 0
  )
    return null
  if (Math.abs(change) < FLAT_BPS) return 'flat'
  const orders = Math.log(now.orders / before.orders)
  const aov = Math.log(now.net_fen / before.net_fen) - orders
  return { way: change > 0 ? 'up' : 'down', by: Math.abs(orders) >= Math.abs(aov) ? 'orders' : 'aov' }
}

export type Lean = 'lean_old' | 'lean_new' | 'once' | null

/**
 * What the mix of members asks for; null when it asks for nothing in particular. Where the data begin nobody can have come
 * before, so with hardly anybody in the period before nothing is said.
 */
export function leanOf(now: Figures, before: Figures): Lean {
  const share = now.returning_share_bps
  if (share === null || share === undefined || now.active_members < 20) return null
  if (!before.active_members || isThin(now, before)) return null
  if (share >= 9000) return 'lean_old'
  if (share <= 4000) return 'lean_new'
  return (now.repeat_share_bps ?? 0) < 3000 ? 'once' : null
}
