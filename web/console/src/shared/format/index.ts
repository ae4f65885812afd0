/**
 * What pages write values with. In a page: `const f = useFormat()`, then f.money(1250), f.day('2026-03-05') in the
 * template; language, currency and time zone come from the session, and a switch of language writes everything anew.
 */
import { computed, reactive } from 'vue'
import * as days from './day'
import { formatDiscount } from './discount'
import * as money from './money'
import { formatInteger, formatPercent, formatShort } from './number'
import { zoneName } from './zone'
import { useSession } from '@/shared/session'
import { lang } from '@/shared/words'

/** Where there is no value. */
export const NONE = '—'

type Maybe<T> = T | null | undefined
const shown = <T>(value: Maybe<T>, write: (value: T) => string): string =>
  value === null || value === undefined ? NONE : write(value)

const ownCurrency = (): string => useSession().merchant?.currency ?? 'CNY'

/** Fen out of what somebody typed in the merchant's currency; null: it is no amount of it. */
export const parseMoney = (typed: string): number | null => money.parseMoney(typed, ownCurrency())

/** The smallest amount there is in the merchant's currency. */
export const stepFen = (): number => money.stepFen(ownCurrency())

export function useFormat() {
  const session = useSession()
  const locale = computed(() => (lang() === 'zh' ? 'zh-CN' : 'en'))
  const currency = computed(ownCurrency)
  const timezone = computed(() => session.merchant?.timezone ?? 'Asia/Shanghai')
  return reactive({
    locale,
    currency,
    timezone,
    /** The time zone of times on pages, as people read it. */
    zone: computed(() => zoneName(timezone.value, locale.value)),
    zoneName: (zone: Maybe<string>) => shown(zone, (value) => zoneName(value, locale.value)),
    /** What one of the currency is called. */
    unit: computed(() => money.currencyUnit(currency.value, locale.value)),
    /** What stands in an empty field for money. */
    zero: computed(() => (money.decimals(currency.value) ? '0.00' : '0')),
    /** Whether its amounts have no decimals. */
    whole: computed(() => stepFen() > 1),
    /** The keyboard of a phone for its amounts. */
    keys: computed((): 'numeric' | 'decimal' => (stepFen() > 1 ? 'numeric' : 'decimal')),
    money: (fen: Maybe<number>) => shown(fen, (value) => money.formatMoney(value, currency.value, locale.value)),
    moneyShort: (fen: Maybe<number>) =>
      shown(fen, (value) => money.formatMoneyShort(value, currency.value, locale.value)),
    moneyEven: (fen: Maybe<number>) =>
      shown(fen, (value) => money.formatMoneyShort(value, currency.value, locale.value, true)),
    integer: (value: Maybe<number>) => shown(value, (number) => formatInteger(number, locale.value)),
    short: (value: Maybe<number>) => shown(value, (number) => formatShort(number, locale.value)),
    percent: (bps: Maybe<number>, digits = 1) => shown(bps, (value) => formatPercent(value, locale.value, digits)),
    discount: (payBps: Maybe<number>) => shown(payBps, (value) => formatDiscount(value, locale.value)),
    day: (day: Maybe<days.Day>, short = false) => shown(day, (value) => days.formatDay(value, locale.value, short)),
    month: (day: Maybe<days.Day>) => shown(day, (value) => days.formatMonth(value, locale.value)),
    range: (from: days.Day, to: days.Day) => days.formatRange(from, to, locale.value),
    time: (moment: Maybe<string>, seconds = false) =>
      shown(moment, (value) => days.formatTime(value, timezone.value, seconds)),
    ago: (moment: Maybe<string>) => shown(moment, (value) => days.formatAgo(value, locale.value)),
    today: () => days.today(timezone.value, session.merchant?.day_cut_minutes ?? 0),
  })
}
export { parseDiscount } from './discount'
export { moneyInField } from './money'
export { changeBps, sharesShown } from './number'
export { addDays, addMonths, daysBetween, monthStart, yearStart, type Day } from './day'
