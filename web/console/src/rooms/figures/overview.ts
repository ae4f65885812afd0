/** The cards of the overview: each figure with what it means, how it moved, and the way to what is behind it. */
import type { Schemas } from '@/shared/api'
import type { useBehind, Which } from '@/shared/figures/behind'
import type { Measure } from '@/shared/figures/measures'
import type measureWords from '@/shared/figures/words'
import { changeBps, type useFormat } from '@/shared/format'
import type { useWords } from '@/shared/words'

type Figures = Schemas['Figures']
type Name = 'active' | 'returning_share' | 'repeat_share' | 'repeat_day_share' | 'new' | 'net' | 'orders' | 'aov'

interface Tools {
  m: ReturnType<typeof useWords<(typeof measureWords)['zh']>>
  format: ReturnType<typeof useFormat>
  behind: ReturnType<typeof useBehind>
}

interface Card {
  name: Name
  label: string
  explain: string
  value: string
  change: number | null
  to?: string
  note?: string
  measure?: Measure
}

interface Recipe {
  kind: 'money' | 'percent' | 'integer'
  of: keyof Figures
  /** Members behind it; without: its orders. */
  figure?: Which['figure']
  /** Of the active members. */
  part?: keyof Figures
  measure?: Measure
}

const RECIPES: Record<Name, Recipe> = {
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

export function overviewCards(answered: Schemas['Overview'], { m, format, behind }: Tools): Card[] {
  const { figures: now, previous } = answered
  return (Object.entries(RECIPES) as [Name, Recipe][]).map(([name, recipe]) => {
    const value = now[recipe.of] ?? null
    return {
      name,
      label: m(name),
      explain: m.of(name, '_about'),
      value: format[recipe.kind](value),
      change: value === null ? null : changeBps(value, previous.figures[recipe.of]),
      to: recipe.figure ? behind.members(answered, { figure: recipe.figure }) : behind.orders(answered),
      note: recipe.part
        ? m('of', { part: format.integer(now[recipe.part]), whole: format.integer(now.active_members) })
        : undefined,
      measure: recipe.measure,
    }
  })
}
