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
