import { formatter } from './money'

/** 12,345. */
export function formatInteger(value: number, locale: string): string {
  return formatter(`int|${locale}`, () => new Intl.NumberFormat(locale, { maximumFractionDigits: 0 })).format(value)
}

/** 1.2万, 12K. */
export function formatShort(value: number, locale: string): string {
  const make = (): Intl.NumberFormat => new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 })
  return formatter(`short|${locale}`, make).format(value)
}

/** Basis points as percent: 8585 is 85.9%, 8585 with 2 digits is 85.85%. */
export function formatPercent(bps: number, locale: string, digits = 1): string {
  const options = { style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits } as const
  return formatter(`pct${digits}|${locale}`, () => new Intl.NumberFormat(locale, options)).format(bps / 10_000)
}

/** How a figure moved against the one before, in basis points; null where there was none to compare with. */
export function changeBps(now: number, before: number | null | undefined): number | null {
  return before ? Math.round(((now - before) / Math.abs(before)) * 10_000) : null
}

const sum = (numbers: number[]): number => numbers.reduce((all, one) => all + one, 0)

/** Shares of one whole, in basis points, so rounded to the tenth of a percent that is shown that they still make it. */
export function sharesShown<T extends number | null | undefined>(bps: readonly T[]): (T | number)[] {
  const known = bps.map((each) => each ?? 0)
  const tenths = known.map((each) => Math.floor(each / 10))
  const left = Math.round(sum(known) / 10) - sum(tenths)
  const part = (place: number): number => (known[place] ?? 0) - (tenths[place] ?? 0) * 10
  // What is left goes to those who lost most.
  const raised = new Set([...known.keys()].toSorted((a, b) => part(b) - part(a) || a - b).slice(0, left))
  return bps.map((each, place) => (each == null ? each : ((tenths[place] ?? 0) + (raised.has(place) ? 1 : 0)) * 10))
}
