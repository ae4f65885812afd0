/** Business days are dates without a time (2026-03-05); moments carry a zone and are shown in the merchant's. */
export type Day = string

const pad = (value: number, length = 2): string => String(value).padStart(length, '0')

/** The day it is at a place; `cut` minutes after midnight a business day begins. */
export function today(timezone: string, cut = 0, now = Date.now()): Day {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  })
  return parts.format(now - cut * 60_000)
}

function utc(day: Day): Date {
  return new Date(day + 'T00:00:00Z')
}

const asDay = (date: Date): Day =>
  `${pad(date.getUTCFullYear(), 4)}-${pad(date.getUTCMonth() + 1)}-${pad(date.getUTCDate())}`

export function addDays(day: Day, count: number): Day {
  const date = utc(day)
  date.setUTCDate(date.getUTCDate() + count)
  return asDay(date)
}

export const monthStart = (day: Day): Day => day.slice(0, 8) + '01'
export const yearStart = (day: Day): Day => day.slice(0, 5) + '01-01'

export function addMonths(firstOfMonth: Day, count: number): Day {
  const date = utc(firstOfMonth)
  date.setUTCMonth(date.getUTCMonth() + count)
  return asDay(date)
}

/** Both days counted. */
export const daysBetween = (from: Day, to: Day): number => Math.round((+utc(to) - +utc(from)) / 86_400_000) + 1

/** 2026年3月5日; Mar 5, 2026. short: 3月5日; Mar 5. */
export function formatDay(day: Day, locale: string, short = false): string {
  const wanted = { year: short ? undefined : 'numeric', month: locale.startsWith('zh') ? 'long' : 'short' } as const
  return new Intl.DateTimeFormat(locale, { ...wanted, day: 'numeric', timeZone: 'UTC' }).format(utc(day))
}

/** Of 2026-03-…: 2026年3月; Mar 2026. */
export function formatMonth(day: Day, locale: string): string {
  return new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'short', timeZone: 'UTC' }).format(
    utc(day.slice(0, 7) + '-01'),
  )
}

export function formatRange(from: Day, to: Day, locale: string): string {
  if (from === to) return formatDay(from, locale)
  return `${formatDay(from, locale)} ${locale.startsWith('zh') ? '至' : '–'} ${formatDay(to, locale, from.slice(0, 4) === to.slice(0, 4))}`
}

/** 2026-03-05 14:30, at that place. */
export function formatTime(moment: string, timezone: string, seconds = false): string {
  const options = { dateStyle: 'short', timeStyle: seconds ? 'medium' : 'short', timeZone: timezone } as const
  return new Intl.DateTimeFormat('sv-SE', options).format(new Date(moment))
}

/** 3 分钟前; 3 minutes ago. */
export function formatAgo(moment: string, locale: string, now = Date.now()): string {
  const seconds = Math.round((new Date(moment).getTime() - now) / 1000)
  const words = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
  for (const [unit, size] of [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ] as const) {
    if (Math.abs(seconds) >= size) return words.format(Math.trunc(seconds / size), unit)
  }
  return words.format(seconds, 'second')
}
