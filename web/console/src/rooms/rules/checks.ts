/** Mistakes that can be told without a bill: each a name of words and what they are filled with. */
import { scaled, type RuleText } from './form'
import type { Values } from '@/shared/words'

export interface Doubt {
  code:
    | 'rate_high'
    | 'rate_far'
    | 'never_expires'
    | 'overlap_wins'
    | 'overlap_loses'
    | 'no_base'
    | 'cap_useless'
    | 'minimum_cap'
    | 'excluded_all'
    | 'over'
    | 'multiplier_high'
    | 'all_days'
    | 'not_money'
  values: Values
}

export interface Other {
  rule_id: string
  rule: RuleText
}

const HIGH_RATE = 100_000n
const HIGH_MULTIPLIER = 50_000n
const FAR = 10n

/** others: rules in force, without the one that is changed. before: that one as it is now. */
export function doubts(rule: RuleText, others: Other[], before: RuleText | null, today: string): Doubt[] {
  const found: Doubt[] = []
  const doubt = (code: Doubt['code'], values: Values = {}): void => void found.push({ code, values })
  const same = others.filter((other) => other.rule.unit === rule.unit)
  if (rule.kind === 'rate') rateDoubts(rule, same, before, doubt)
  else {
    if ((scaled(rule.multiplier ?? '0') ?? 0n) >= HIGH_MULTIPLIER)
      doubt('multiplier_high', { n: rule.multiplier ?? '' })
    if (!same.some((other) => other.rule.kind === 'rate')) doubt('no_base')
  }
  if (rule.unit === 'points' && (rule.expiry.kind ?? 'never') === 'never') doubt('never_expires')
  const { cap_per_order: order, cap_per_day: day, cap_per_month: month } = rule
  if ((order !== null && day !== null && order > day) || (day !== null && month !== null && day > month)) {
    doubt('cap_useless')
  }
  if (order !== null && rule.minimum_fen > 0 && rule.kind === 'rate' && earns(rule, rule.minimum_fen) >= order) {
    doubt('minimum_cap', { n: order })
  }
  const out = new Set(rule.excluded_categories)
  if (rule.categories.length && !rule.skus.length && rule.categories.every((name) => out.has(name))) {
    doubt('excluded_all')
  }
  if (rule.date_to && rule.date_to < today) doubt('over')
  if (rule.weekdays.length === 7) doubt('all_days')
  const odd = rule.tenders?.filter((kind) => ['stored_value', 'points', 'coupon'].includes(kind)) ?? []
  if (odd.length) doubt('not_money')
  return found
}

function rateDoubts(
  rule: RuleText,
  same: Other[],
  before: RuleText | null,
  doubt: (code: Doubt['code'], values?: Values) => void,
): void {
  const rate = scaled(rule.points_per_yuan ?? '0') ?? 0n
  const rates = same.filter((other) => other.rule.kind === 'rate')
  const usual = before?.points_per_yuan ?? rates[0]?.rule.points_per_yuan
  const compared = usual ? (scaled(usual) ?? 0n) : 0n
  const hundred = earns(rule, 10_000)
  if (compared && (rate >= compared * FAR || rate * FAR <= compared)) {
    const much = rate >= compared
    const times = Number(much ? rate / compared : compared / (rate || 1n))
    doubt('rate_far', { n: times, of: usual ?? '', now: rule.points_per_yuan ?? '', hundred })
  } else if (rate >= HIGH_RATE) doubt('rate_high', { hundred })
  for (const { rule: other } of rates.filter((each) => overlaps(rule, each.rule))) {
    // Of equal priority the rule that was made first takes the goods; one that is new comes last.
    doubt(rule.priority > other.priority ? 'overlap_wins' : 'overlap_loses', { name: other.name })
  }
}

/** Points of an amount in fen by a rate, rounded down. */
function earns(rule: RuleText, fen: number): number {
  return Number((BigInt(fen) * (scaled(rule.points_per_yuan ?? '0') ?? 0n)) / 1_000_000n)
}

const meet = <T>(one: T[], other: T[]): boolean =>
  !one.length || !other.length || one.some((each) => other.includes(each))

const goods = (rule: RuleText): string[] => [...rule.categories, ...rule.skus]

/** Whether a line of some bill could belong to both; for certain only what can be told from the texts. */
export function overlaps(one: RuleText, other: RuleText): boolean {
  const days =
    (one.date_to ?? '9999') >= (other.date_from ?? '0000') && (other.date_to ?? '9999') >= (one.date_from ?? '0000')
  const left = goods(one).filter((name) => !other.excluded_categories.includes(name))
  const right = goods(other).filter((name) => !one.excluded_categories.includes(name))
  if ((goods(one).length && !left.length) || (goods(other).length && !right.length)) return false
  return (
    days &&
    meet(left, right) &&
    meet(one.stores, other.stores) &&
    meet(one.weekdays, other.weekdays) &&
    meet(one.regions, other.regions)
  )
}
