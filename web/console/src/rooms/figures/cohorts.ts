/** What a table of cohorts says in a number: only months that are over count. */
import type { Schemas } from '@/shared/api'

type Cohort = Schemas['Cohort']

export interface Kept {
  members: number
  back: number
  bps: number
}

/** Without those up to the month in which trade begins (2017-01-01): in it everybody looks new. */
export function trulyNew(cohorts: Cohort[], dataFrom: string | null): Cohort[] {
  return cohorts.filter((cohort) => dataFrom !== null && cohort.month > dataFrom.slice(0, 7))
}

/** Of all cohorts of which that month is over: how many of their members came in it. null: there is none. */
export function averageAfter(cohorts: Cohort[], monthsLater: number): Kept | null {
  let members = 0
  let back = 0
  for (const cohort of cohorts) {
    const cell = cohort.cells.find((each) => each.months_later === monthsLater && each.complete)
    if (!cell) continue
    members += cohort.members
    back += cell.members
  }
  return members ? { members, back, bps: Math.round((back / members) * 10_000) } : null
}

const ENOUGH = 30
const APART_BPS = 300

/** The newest cohort whose next month is over against those before it; null when it is small, alone or about the same. */
export function newestAgainst(cohorts: Cohort[]): { month: string; bps: number; beforeBps: number } | null {
  const known = cohorts.filter((cohort) => cohort.cells.some((cell) => cell.months_later === 1 && cell.complete))
  const newest = known.at(-1)
  if (!newest || newest.members < ENOUGH) return null
  const mine = averageAfter([newest], 1)
  const before = averageAfter(known.slice(0, -1), 1)
  if (!mine || !before || before.members < ENOUGH || Math.abs(mine.bps - before.bps) < APART_BPS) return null
  return { month: newest.month, bps: mine.bps, beforeBps: before.bps }
}
