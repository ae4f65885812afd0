/**
 * Ways from a figure to the members or orders it is made of. undefined when the person may not see them; then
 * BehindNote says so.
 *
 *   const behind = useBehind()
 *   behind.members(answer, { figure: 'returning' })      behind.orders(answer, { store: 's1' })
 */
import type { Cut } from './answer'
import { linkTo } from './cut'
import type { paths } from '@/shared/api/schema'
import { useSession } from '@/shared/session'

type Query = NonNullable<paths['/v1/analytics/members']['get']['parameters']['query']>
export type Which = Omit<Query, 'from' | 'to' | 'store' | 'region' | 'category' | 'cursor' | 'limit'>

type More = Partial<Record<'from' | 'to' | 'store' | 'region' | 'category', string | null>>
type OrderMore = More & { product?: string; buyer?: 'member' | 'anonymous' }

// The days of the answer, not those that were asked for: behind a figure stand exactly its members.
const cutOf = (answer: Cut): More => ({
  from: answer.period.from,
  to: answer.period.to,
  store: answer.store,
  region: answer.region,
  category: answer.category,
})

export function useBehind() {
  const session = useSession()
  const mayMembers = session.can('members:read') && session.can('analytics:read')
  const mayOrders = session.can('orders:read')
  return {
    mayMembers,
    mayOrders,
    members: (answer: Cut, which: Which, more: More = {}): string | undefined =>
      mayMembers ? linkTo('/figures/members', { ...which, ...cutOf(answer), ...more }) : undefined,
    // Of the orders only those that the figure counts.
    orders: (answer: Cut, more: OrderMore = {}): string | undefined =>
      mayOrders ? linkTo('/orders', { kept: 'true', ...cutOf(answer), ...more }) : undefined,
  }
}
