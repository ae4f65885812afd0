/** Fields and values of an entry as people read them; what is nested is told flat. */
import type { Names } from './names'
import words from './words'
import { useCatalog } from '@/shared/catalog'
import { cutAsClock } from '@/shared/daycut'
import { useFormat } from '@/shared/format'
import { useRoles } from '@/shared/roles'
import { lang, useWords } from '@/shared/words'

export const join = (many: string[]): string => many.join(lang() === 'zh' ? '、' : ', ')

export function useValues(names: Names) {
  const t = useWords(words)
  const f = useFormat()
  const roles = useRoles()
  const catalog = useCatalog()
  const field = (name: string): string => t.of('f_', name)

  function value(name: string, given: unknown): string {
    if (given === undefined) return ''
    if (given === null || given === '') return t('nothing')
    if (typeof given === 'boolean') return t(given ? 'yes' : 'no')
    if (typeof given === 'number') {
      if (name.endsWith('_fen')) return f.money(given)
      return name === 'day_cut_minutes' ? cutAsClock(given) : f.integer(given)
    }
    if (Array.isArray(given)) return given.length ? join(given.map((each) => listed(name, each))) : t('nothing')
    if (typeof given === 'object') {
      return join(Object.entries(given).map(([key, each]) => `${field(key)} ${value(key, each)}`))
    }
    return single(name, String(given))
  }

  function listed(name: string, each: unknown): string {
    if (name === 'stores') return catalog.storesById.get(Number(each))?.name ?? String(each)
    if (name === 'scopes') return roles.scopeName(String(each))
    if (name === 'fields') return field(String(each))
    return value('', each)
  }

  function single(name: string, given: string): string {
    if (/^\d{4}-\d\d-\d\dT/.test(given)) return f.time(given)
    if (name === 'role') return roles.roleName(given)
    if (name === 'timezone' || name === 'source_timezone') return f.zoneName(given)
    if (name === 'unit') return t.of('', given)
    if (name === 'region') return catalog.regionName(given)
    if (name === 'member_id') return names.of('member', given) ?? given
    return given
  }

  return { value, field }
}
