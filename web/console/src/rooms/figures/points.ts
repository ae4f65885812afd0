import type { Schemas } from '@/shared/api'

type ByExpiry = Schemas['ExpiryMonth'][]

/** The month in which the next points expire; null when none of those held ever do. */
export function soonest(months: ByExpiry): { month: string; points: number } | null {
  const dated = months.flatMap(({ month, points }) => (month && points > 0 ? [{ month, points }] : []))
  return dated.toSorted((a, b) => a.month.localeCompare(b.month))[0] ?? null
}
