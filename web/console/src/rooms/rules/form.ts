/** A rule as blanks to fill in: out of what the API has, and back. Amounts and rates stay whole numbers inside. */
import type { Schemas } from '@/shared/api'
import { moneyInField, parseMoney, stepFen } from '@/shared/format'

export type RuleText = Pick<Schemas['RuleVersion'], keyof Schemas['RuleVersion'] & keyof Schemas['DraftOut']>
export type Body = Schemas['RuleBody']
type Expiry = Required<Schemas['Expiry']>
export type TenderKind = NonNullable<Body['tenders']>[number]

export const TENDERS: readonly TenderKind[] = [
  'cash',
  'wechat',
  'alipay',
  'card',
  'unionpay',
  'other',
  'stored_value',
  'points',
  'coupon',
]
/** What counts when a rule names nothing: money really paid, once. */
export const PAID: readonly TenderKind[] = TENDERS.slice(0, 6)
export const WEEKDAYS = [1, 2, 3, 4, 5, 6, 7] as const

export interface RuleForm {
  name: string
  unit: 'points' | 'growth'
  kind: 'rate' | 'multiplier'
  /** Every so much … */
  per: string
  /** … gives so many. */
  points: string
  multiplier: string
  minimum: string
  categories: string
  skus: string
  excluded_categories: string
  excluded_skus: string
  weekdays: number[]
  date_from: string
  date_to: string
  stores: string[]
  regions: string[]
  first_order: boolean
  cap_per_order: string
  cap_per_day: string
  cap_per_month: string
  expiry: Expiry['kind']
  count: string
  span: Expiry['span']
  round_to: Expiry['round_to']
  month: string
  day: string
  /** Empty: whatever counts without saying. */
  tenders: TenderKind[]
  priority: string
}

export type Field = keyof RuleForm
export type Wrongs = Partial<Record<Field, string>>

export function emptyForm(): RuleForm {
  return {
    name: '',
    unit: 'points',
    kind: 'rate',
    per: '1',
    points: '1',
    multiplier: '2',
    minimum: '',
    categories: '',
    skus: '',
    excluded_categories: '',
    excluded_skus: '',
    weekdays: [],
    date_from: '',
    date_to: '',
    stores: [],
    regions: [],
    first_order: false,
    cap_per_order: '',
    cap_per_day: '',
    cap_per_month: '',
    expiry: 'after',
    count: '12',
    span: 'month',
    round_to: 'month',
    month: '12',
    day: '31',
    tenders: [],
    priority: '0',
  }
}

const joined = (values: string[]): string => values.join('、')
const typedCap = (cap: number | null): string => (cap === null ? '' : String(cap))

export function formOf(rule: RuleText): RuleForm {
  const { expiry } = rule
  return {
    ...emptyForm(),
    name: rule.name,
    unit: rule.unit,
    kind: rule.kind,
    ...(rule.points_per_yuan !== null && asBlanks(rule.points_per_yuan)),
    ...(rule.multiplier !== null && { multiplier: rule.multiplier }),
    minimum: rule.minimum_fen ? moneyInField(rule.minimum_fen) : '',
    categories: joined(rule.categories),
    skus: joined(rule.skus),
    excluded_categories: joined(rule.excluded_categories),
    excluded_skus: joined(rule.excluded_skus),
    weekdays: [...rule.weekdays],
    date_from: rule.date_from ?? '',
    date_to: rule.date_to ?? '',
    stores: [...rule.stores],
    regions: [...rule.regions],
    first_order: rule.first_order,
    cap_per_order: typedCap(rule.cap_per_order),
    cap_per_day: typedCap(rule.cap_per_day),
    cap_per_month: typedCap(rule.cap_per_month),
    expiry: expiry.kind ?? 'never',
    ...(expiry.kind === 'after' && {
      count: String(expiry.count),
      span: expiry.span ?? 'month',
      round_to: expiry.round_to ?? 'day',
    }),
    ...(expiry.kind === 'date' && { month: String(expiry.month), day: String(expiry.day) }),
    tenders: [...((rule.tenders ?? []) as TenderKind[])],
    priority: String(rule.priority),
  }
}

const SCALE = 10_000n

/** 1.25 as 12500; null: no decimal with up to 4 places. */
export function scaled(typed: string): bigint | null {
  const found = /^(\d{1,9})(?:\.(\d{0,4}))?$/.exec(typed.normalize('NFKC').trim())
  return found ? BigInt((found[1] ?? '0') + (found[2] ?? '').padEnd(4, '0')) : null
}

function plain(value: bigint): string {
  const text = String(value).padStart(5, '0')
  return `${text.slice(0, -4)}.${text.slice(-4)}`.replace(/\.?0+$/, '')
}

/** Whether it is an amount of a currency without decimals, or of one that has some. */
const isAmount = (per: bigint): boolean => stepFen() === 1 || per % SCALE === 0n

/** 0.05 a yuan is said as 1 for every 20; 1.5 stays 1.5 for every 1. */
export function asBlanks(rate: string): { per: string; points: string } {
  const value = scaled(rate) ?? 0n
  if (value > 0n && value < SCALE && (SCALE * SCALE) % value === 0n) {
    const per = (SCALE * SCALE) / value
    if (per <= 10_000n * SCALE && isAmount(per)) return { per: plain(per), points: '1' }
  }
  return { per: '1', points: plain(value) }
}

/** What a yuan earns, up to 4 places; null: not a number, or it does not come out even. */
export function rateOf(per: string, points: string): string | null {
  const [every, gives] = [scaled(per), scaled(points)]
  if (!every || gives === null || (gives * SCALE) % every !== 0n) return null
  return plain((gives * SCALE) / every)
}

/** Words that are set apart by commas of any kind, or by lines. */
export function listOf(typed: string): string[] {
  const parts = typed.split(/[、，,；;\n]/).map((part) => part.trim())
  return [...new Set(parts.filter(Boolean))]
}

const WHOLE = /^\d{1,15}$/

/** By field, what is wrong with it: the name of a word. */
export function wrongs(form: RuleForm): Wrongs {
  const found: Wrongs = {}
  if (!form.name.trim()) found.name = 'missing'
  if (form.kind === 'rate') {
    const per = scaled(form.per)
    if (!per) found.per = 'amount'
    else if (!isAmount(per)) found.per = 'whole'
    else if (!scaled(form.points)) found.points = 'count'
    else if (rateOf(form.per, form.points) === null) found.per = 'uneven'
  } else if ((scaled(form.multiplier) ?? 0n) <= SCALE) found.multiplier = 'multiplier'
  const minimum = form.minimum.trim() ? parseMoney(form.minimum) : 0
  if (minimum === null || minimum < 0) found.minimum = minimum === null && stepFen() > 1 ? 'whole' : 'amount'
  for (const cap of ['cap_per_order', 'cap_per_day', 'cap_per_month'] as const) {
    const typed = form[cap].normalize('NFKC').trim()
    if (typed && (!WHOLE.test(typed) || Number(typed) === 0)) found[cap] = 'count'
  }
  if (form.date_from && form.date_to && form.date_to < form.date_from) found.date_to = 'days'
  if (form.expiry === 'after' && !(WHOLE.test(form.count.trim()) && Number(form.count) > 0)) found.count = 'count'
  if (form.expiry === 'date' && !isDay(form.month, form.day)) found.day = 'day'
  if (!/^-?\d{1,4}$/.test(form.priority.trim()) || Math.abs(Number(form.priority)) > 1000) found.priority = 'priority'
  return found
}

function isDay(month: string, day: string): boolean {
  // 2000 is a leap year, in which every day of any year exists.
  const date = new Date(Date.UTC(2000, Number(month) - 1, Number(day)))
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day)
}

const cap = (typed: string): number | null => (typed.trim() ? Number(typed.normalize('NFKC').trim()) : null)

/** As the API takes it; only when nothing is wrong. */
export function bodyOf(form: RuleForm): Body {
  return {
    name: form.name.trim(),
    unit: form.unit,
    points_per_yuan: form.kind === 'rate' ? rateOf(form.per, form.points) : null,
    multiplier: form.kind === 'multiplier' ? plain(scaled(form.multiplier) ?? 0n) : null,
    priority: Number(form.priority),
    minimum_fen: form.minimum.trim() ? (parseMoney(form.minimum) ?? 0) : 0,
    tenders: form.tenders.length ? [...form.tenders] : null,
    excluded_categories: listOf(form.excluded_categories),
    excluded_skus: listOf(form.excluded_skus),
    stores: [...form.stores],
    regions: [...form.regions],
    categories: listOf(form.categories),
    skus: listOf(form.skus),
    weekdays: form.weekdays.toSorted(),
    date_from: form.date_from || null,
    date_to: form.date_to || null,
    first_order: form.first_order,
    cap_per_order: cap(form.cap_per_order),
    cap_per_day: cap(form.cap_per_day),
    cap_per_month: cap(form.cap_per_month),
    expiry: expiryOf(form),
  }
}

function expiryOf(form: RuleForm): Schemas['Expiry'] {
  if (form.expiry === 'never') return { kind: 'never' }
  if (form.expiry === 'date') return { kind: 'date', month: Number(form.month), day: Number(form.day) }
  return { kind: 'after', count: Number(form.count), span: form.span, round_to: form.round_to }
}

/** What the form says, in the shape of a rule, so that it can be put into words like one. */
export function textOf(body: Body): RuleText {
  return {
    unit: 'points',
    priority: 0,
    minimum_fen: 0,
    first_order: false,
    excluded_categories: [],
    excluded_skus: [],
    stores: [],
    regions: [],
    categories: [],
    skus: [],
    weekdays: [],
    date_from: null,
    date_to: null,
    cap_per_order: null,
    cap_per_day: null,
    cap_per_month: null,
    points_per_yuan: null,
    multiplier: null,
    tenders: null,
    expiry: {},
    effective_until: null,
    created_at: '',
    created_by: '',
    ...body,
    kind: body.multiplier ? 'multiplier' : 'rate',
  }
}
