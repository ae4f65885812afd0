/** Figures that can be drawn over time, and how each is written. */
import words from './words'
import type { Schemas } from '@/shared/api'
import { useFormat } from '@/shared/format'
import { useWords } from '@/shared/words'

type Figures = Schemas['Figures']

export const MEASURES = ['net', 'orders', 'aov', 'active', 'returning_share', 'repeat_share'] as const
export type Measure = (typeof MEASURES)[number]

interface Look {
  /** Money, shares and counts differ in how they stand at an axis. */
  kind: 'money' | 'share' | 'count'
  of: (figures: Figures) => number | null
}

export const LOOKS: Record<Measure, Look> = {
  net: { kind: 'money', of: (figures) => figures.net_fen },
  orders: { kind: 'count', of: (figures) => figures.orders },
  aov: { kind: 'money', of: (figures) => figures.aov_fen ?? null },
  active: { kind: 'count', of: (figures) => figures.active_members },
  returning_share: { kind: 'share', of: (figures) => figures.returning_share_bps ?? null },
  repeat_share: { kind: 'share', of: (figures) => figures.repeat_share_bps ?? null },
}

/** How a measure is named and written, long in a table and short at an axis. */
export function useMeasures() {
  const t = useWords(words)
  const format = useFormat()
  return {
    options: () => MEASURES.map((value) => ({ value, text: t(value) })),
    name: (measure: Measure): string => t(measure),
    long: (measure: Measure, value: number | null): string => {
      const { kind } = LOOKS[measure]
      return kind === 'money' ? format.money(value) : kind === 'share' ? format.percent(value) : format.integer(value)
    },
    axis: (measure: Measure, value: number): string => {
      const { kind } = LOOKS[measure]
      if (kind === 'share') return format.percent(value, 0)
      return kind === 'money' ? format.moneyShort(value) : format.short(value)
    },
  }
}

/** The points of a small line: what isn't known is nothing there. */
export const points = (trend: Schemas['Trend'] | null, measure: Measure): number[] =>
  trend?.buckets.map((bucket) => LOOKS[measure].of(bucket.figures) ?? 0) ?? []

export type Grain = Schemas['Trend']['grain']

/** A grain at which a period has neither a handful of points nor hundreds. */
export function grainFor(days: number): Grain {
  if (days <= 62) return 'day'
  return days <= 200 ? 'week' : 'month'
}
