/** What the address of a list of members asks for; what isn't meant for it is left out. */
import type { LocationQuery } from 'vue-router'
import { linkTo } from '@/shared/figures/cut'
import type { paths } from '@/shared/api/schema'

type Query = Omit<NonNullable<paths['/v1/analytics/members']['get']['parameters']['query']>, 'cursor' | 'limit'>
type Figure = NonNullable<Query['figure']>

const TEXTS = ['from', 'to', 'store', 'region', 'category', 'rfm', 'group', 'cohort', 'month'] as const
const NUMBERS = ['months_later', 'percent', 'days'] as const

/** Where a figure stands. */
const PAGES: Record<Figure, string> = {
  active: '/figures',
  new: '/figures',
  returning: '/figures',
  repeat: '/figures/repurchase',
  repeat_day: '/figures/repurchase',
  rfm: '/figures/rfm',
  top: '/figures/concentration',
  cohort: '/figures/cohorts',
  first_purchase: '/figures/repurchase',
  later_day: '/figures/repurchase',
  later_order: '/figures/repurchase',
  not_repurchased: '/figures/repurchase',
  points_expiring: '/figures/points',
}

export function asksOf(query: LocationQuery): Query {
  const asked: Query = { figure: 'active' }
  if (typeof query.figure === 'string' && query.figure in PAGES) asked.figure = query.figure as Figure
  if (query.method === 'quantile') asked.method = 'quantile'
  for (const name of TEXTS) if (typeof query[name] === 'string') asked[name] = query[name]
  for (const name of NUMBERS) if (/^\d{1,4}$/.test(String(query[name]))) asked[name] = Number(query[name])
  return asked
}

export function wayBack({ figure, method, from, to, store, region, category }: Query): string {
  return linkTo(PAGES[figure ?? 'active'], { method, from, to, store, region, category })
}

/** Which days the numbers beside each member are of; the answer's period says it of the others. */
export function numbersOf({ figure, days }: Query): {
  word: 'numbers_first' | 'numbers_held' | 'members_lead'
  n?: number
} {
  if (figure === 'points_expiring') return { word: 'numbers_held' }
  if (figure === 'later_day' || figure === 'later_order' || figure === 'not_repurchased')
    return { word: 'numbers_first', n: days ?? 30 }
  return { word: 'members_lead' }
}
