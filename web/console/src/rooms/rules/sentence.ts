/** A rule in words: part by part, so that two versions can be compared, or as one sentence. */
import { asBlanks, type RuleText } from './form'
import words from './words'
import { useCatalog } from '@/shared/catalog'
import { useFormat } from '@/shared/format'
import { lang, ofMany, useWords } from '@/shared/words'

/** In the order in which they are said. */
export const PARTS = [
  'when',
  'dates',
  'where',
  'who',
  'goods',
  'earn',
  'excluded',
  'minimum',
  'cap_order',
  'cap_day',
  'cap_month',
  'tenders',
  'expiry',
  'priority',
] as const
export type Part = (typeof PARTS)[number]
export type Parts = Record<Part, string>

const list = (values: string[]): string => values.join(lang() === 'zh' ? '、' : ', ')
const MANY = 5

function useWording() {
  const t = useWords(words)
  const f = useFormat()
  const catalog = useCatalog()

  function earn(rule: RuleText): string {
    const unit = t(rule.unit)
    if (rule.kind === 'multiplier') return t('earn_times', { n: rule.multiplier ?? '', unit })
    const { per, points } = asBlanks(rule.points_per_yuan ?? '0')
    const each = f.currency === 'CNY' ? t('yuan', { n: per }) : f.money(Math.round(Number(per) * 100)) + ' '
    return t('earn_rate', { each, n: points, unit: ofMany(unit, points) }).replace('  ', ' ')
  }

  function dates({ date_from, date_to }: RuleText): string {
    if (date_from && date_to) return f.range(date_from, date_to)
    if (date_from) return t('from_day', { day: f.day(date_from) })
    return date_to ? t('until_day', { day: f.day(date_to) }) : ''
  }

  function where(rule: RuleText): string {
    const names = [...rule.stores.map(catalog.storeName), ...rule.regions.map(catalog.regionName)]
    const shown = names.length > MANY ? [...names.slice(0, MANY), t('and_more', { n: names.length })] : names
    return names.length ? t('where_is', { names: list(shown) }) : ''
  }

  function expiry({ expiry: said, unit }: RuleText): string {
    if (said.kind === 'date') return t('expires_on', { month: said.month ?? 0, day: said.day ?? 0 })
    if (said.kind !== 'after') return t('expires_never', { unit: t(unit) })
    const span = t.of('n_', said.span ?? 'month', '', { n: said.count ?? 0 })
    return t.of('expires_', said.round_to ?? 'day', '', { span })
  }
  return { t, f, earn, dates, where, expiry }
}

export function useSentence() {
  const { t, f, ...say } = useWording()
  const many = (key: 'cap_order_is' | 'cap_day_is' | 'cap_month_is', cap: number | null, rule: RuleText): string =>
    cap === null ? '' : t(key, { n: f.integer(cap), unit: ofMany(t(rule.unit), cap) })

  function parts(rule: RuleText): Parts {
    const goods = [...rule.categories, ...rule.skus]
    const without = [...rule.excluded_categories, ...rule.excluded_skus]
    const days = rule.weekdays.map((day) => t.of('weekday_', String(day)))
    return {
      when: days.length ? t('on_days', { days: list(days) }) : '',
      dates: say.dates(rule),
      where: say.where(rule),
      who: rule.first_order ? t('first_is') : '',
      goods: goods.length ? t('goods_are', { goods: list(goods) }) : '',
      earn: say.earn(rule),
      excluded: without.length ? t('excluded_are', { goods: list(without) }) : '',
      minimum: rule.minimum_fen ? t('minimum_is', { money: f.money(rule.minimum_fen) }) : '',
      cap_order: many('cap_order_is', rule.cap_per_order, rule),
      cap_day: many('cap_day_is', rule.cap_per_day, rule),
      cap_month: many('cap_month_is', rule.cap_per_month, rule),
      tenders: rule.tenders ? t('tenders_are', { kinds: list(rule.tenders.map((kind) => t.of('tender_', kind))) }) : '',
      expiry: say.expiry(rule),
      priority: rule.priority ? t('priority_is', { n: rule.priority }) : '',
    }
  }

  function sentence(rule: RuleText): string {
    const said = parts(rule)
    const zh = lang() === 'zh'
    const text = PARTS.map((part) => said[part])
      .filter(Boolean)
      .join(zh ? '，' : ', ')
    return zh ? text + '。' : text.charAt(0).toUpperCase() + text.slice(1) + '.'
  }

  /** What is different between two versions, in words. */
  function changes(before: RuleText, after: RuleText): Change[] {
    const [old, now] = [parts(before), parts(after)]
    const found: Change[] = PARTS.filter((part) => old[part] !== now[part]).map((part) => ({
      what: t(`part_${part}`),
      before: old[part] || t('unlimited'),
      after: now[part] || t('unlimited'),
    }))
    if (before.name !== after.name) found.unshift({ what: t('name'), before: before.name, after: after.name })
    const ends = [before, after].map(({ effective_until: end }) => (end ? f.time(end) : t('open_end')))
    const [was = '', is = ''] = ends
    if (was !== is) found.push({ what: t('until'), before: was, after: is })
    return found
  }

  return { parts, sentence, changes }
}

export interface Change {
  what: string
  before: string
  after: string
}
