/**
 * What people read, in Chinese and English. Each folder has its own words.ts:
 *
 *   export default defineWords('stores', { add: '新增门店' }, { add: 'Add a store' })
 *   // in a page
 *   const t = useWords(words)          t('add')          t('found', { n: 3 })
 *
 * For each value {n} there is an {n_s}: the s of more than one thing, '{n} point{n_s}'.
 *
 * The compiler refuses an unknown name and a name that one language lacks. In a text, { } stand for values and | for
 * plural forms; a literal @, {, } or | is written {'@'}.
 */
import { createI18n } from 'vue-i18n'
import { kept, keep } from '@/shared/kept'

export type Lang = 'zh' | 'en'
type Texts = Record<string, string>
export type Values = Record<string, string | number>

export interface Words<T extends Texts> {
  namespace: string
  zh: T
}

export interface Translate<T extends Texts> {
  (name: keyof T & string, values?: Values): string
  /** For names that come from the API, such as a reason's code: the text of prefix + code, else what is given. */
  of(prefix: string, code: string, otherwise?: string, values?: Values): string
}

function firstLang(): Lang {
  const saved = kept('lang')
  if (saved === 'zh' || saved === 'en') return saved
  return (navigator.language || 'zh').toLowerCase().startsWith('zh') ? 'zh' : 'en'
}

export const i18n = createI18n({
  legacy: false,
  locale: firstLang(),
  fallbackLocale: 'zh',
  messages: { zh: {}, en: {} } as Record<Lang, Record<string, Texts>>,
})

const locale = i18n.global.locale

/** The language in use; reactive in templates and computed values. */
export const lang = (): Lang => locale.value as Lang

export function switchLang(wanted: Lang): void {
  locale.value = wanted
  keep('lang', wanted)
  document.documentElement.lang = wanted === 'zh' ? 'zh-CN' : 'en'
}

export function defineWords<const T extends Texts>(namespace: string, zh: T, en: Record<keyof T, string>): Words<T> {
  i18n.global.mergeLocaleMessage('zh', { [namespace]: zh })
  i18n.global.mergeLocaleMessage('en', { [namespace]: en })
  return { namespace, zh }
}

/** The word after a number: 'points', after a 1 'point'. Chinese has one form for all. */
export const ofMany = (many: string, number: string | number): string =>
  lang() === 'en' && /^[+-]?1$/.test(String(number)) ? many.replace(/s$/, '') : many

function withPlurals(values: Values): Values {
  const all = { ...values }
  for (const [name, value] of Object.entries(values)) all[name + '_s'] = ofMany('s', value)
  return all
}

export function useWords<T extends Texts>(words: Words<T>): Translate<T> {
  const say = (name: string, values: Values = {}): string =>
    i18n.global.t(`${words.namespace}.${name}`, withPlurals(values))
  const translate = ((name: string, values?: Values) => say(name, values)) as Translate<T>
  translate.of = (prefix, code, otherwise = code, values) =>
    prefix + code in words.zh ? say(prefix + code, values) : otherwise
  return translate
}

/** A text that stands in code as a pair, such as a room's title: it is known before the room's words are loaded. */
export interface Pair {
  zh: string
  en: string
}

export const pick = (pair: Pair): string => pair[lang()]
