/** Cards of figures: each with what it means, how it moved, its line over time and the way to what is behind it. */
import { useBehind, type Which } from './behind'
import { points, type Measure } from './measures'
import { isThin } from './story'
import words from './words'
import type { Schemas } from '@/shared/api'
import { changeBps, useFormat } from '@/shared/format'
import { useWords } from '@/shared/words'

type Figures = Schemas['Figures']
export type CardName =
  'active' | 'returning_share' | 'repeat_share' | 'repeat_day_share' | 'new' | 'net' | 'orders' | 'aov'

interface Recipe {
  kind: 'money' | 'percent' | 'integer'
  of: keyof Figures
  /** Members behind it; without: its orders. */
  figure?: Which['figure']
  /** Of the active members. */
  part?: keyof Figures
  measure?: Measure
}

const RECIPES: Record<CardName, Recipe> = {
  active: { kind: 'integer', of: 'active_members', figure: 'active', measure: 'active' },
  returning_share: {
    kind: 'percent',
    of: 'returning_share_bps',
    figure: 'returning',
    part: 'returning_members',
    measure: 'returning_share',
  },
  repeat_share: {
    kind: 'percent',
    of: 'repeat_share_bps',
    figure: 'repeat',
    part: 'repeat_members',
    measure: 'repeat_share',
  },
  repeat_day_share: { kind: 'percent', of: 'repeat_day_share_bps', figure: 'repeat_day', part: 'repeat_day_members' },
  net: { kind: 'money', of: 'net_fen', measure: 'net' },
  orders: { kind: 'integer', of: 'orders', measure: 'orders' },
  aov: { kind: 'money', of: 'aov_fen', measure: 'aov' },
  new: { kind: 'integer', of: 'new_members', figure: 'new', part: 'new_members' },
}

export function useCards() {
  const t = useWords(words)
  const format = useFormat()
  const behind = useBehind()

  function card(name: CardName, answered: Schemas['Overview'], trend: Schemas['Trend'] | null) {
    const { figures: now, previous } = answered
    const recipe = RECIPES[name]
    const value = now[recipe.of] ?? null
    const before = previous.figures[recipe.of] ?? null
    const thin = isThin(now, previous.figures)
    const share = recipe.kind === 'percent'
    // A share moves by points: 40 % to 50 % is 10 of them, and no 25 %.
    const moved = share && value !== null && before !== null ? value - before : null
    return {
      label: t(name),
      explain: t.of(name, '_about'),
      value: format[recipe.kind](value),
      change: thin ? null : share || value === null ? moved : changeBps(value, before),
      noBefore: thin ? t('thin_before', { n: format.integer(previous.figures.orders) }) : undefined,
      inPoints: share,
      to: recipe.figure ? behind.members(answered, { figure: recipe.figure }) : behind.orders(answered),
      note: recipe.part
        ? t('of', { part: format.integer(now[recipe.part]), whole: format.integer(now.active_members) })
        : undefined,
      points: recipe.measure ? points(trend, recipe.measure) : undefined,
    }
  }

  return (names: readonly CardName[], answered: Schemas['Overview'], trend: Schemas['Trend'] | null) =>
    names.map((name) => ({ name, ...card(name, answered, trend) }))
}
