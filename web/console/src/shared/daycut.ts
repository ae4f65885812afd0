/** The minute after midnight at which a business day begins, as a clock. */

/** 240 is 04:00. */
export function cutAsClock(minutes: number): string {
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
}

const LATEST_MINUTES = 12 * 60

/** Every half hour of a night, and whatever there is now. */
export function cutChoices(now: number): number[] {
  const usual = Array.from({ length: LATEST_MINUTES / 30 + 1 }, (_, place) => place * 30)
  return usual.includes(now) ? usual : [...usual, now].toSorted((a, b) => a - b)
}
