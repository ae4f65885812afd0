/** What a member's orders say, in a sentence that is true of them. */
import type { Schemas } from '@/shared/api'
import type { useFormat } from '@/shared/format'
import type { T } from './member'

type Standing = Schemas['MemberStanding']

// Away for twice as long as usual, and at least so many days.
const LATE_TIMES = 2
const LATE_DAYS = 7
const YEAR_DAYS = 365

/** store: where the member usually comes, when that is worth saying; away: days since the last visit. */
export function habitOf(
  t: T,
  f: ReturnType<typeof useFormat>,
  standing: Standing,
  store: string | undefined,
  away: number,
): string {
  const said: string[] = []
  const rhythm = standing.days_between
  if (rhythm === null) said.push(t('first_time', { day: f.day(standing.first_day) }))
  else said.push(t('rhythm', { n: f.integer(Math.max(1, rhythm)) }))
  if (away >= YEAR_DAYS) said.push(t('long_gone', { n: Math.floor(away / YEAR_DAYS) }))
  else if (rhythm !== null && away >= Math.max(LATE_DAYS, LATE_TIMES * rhythm)) {
    said.push(t('late', { n: f.integer(away) }))
  }
  if (store) said.push(t('usual_store', { store }))
  const what = standing.categories.map((each) => each.category).join(f.locale.startsWith('zh') ? '、' : ', ')
  if (what) said.push(t('usual', { what }))
  return said.join(f.locale.startsWith('zh') ? '' : ' ')
}
