/** What an entry says, as a sentence. */
import { memberOf, wordOf, type Entry } from './entry'
import type { Names } from './names'
import { join, useValues } from './values'
import words from './words'
import { useCatalog } from '@/shared/catalog'
import { useFormat } from '@/shared/format'
import { usePeople } from '@/shared/people'
import { useWords } from '@/shared/words'

/** Fields that a sentence has told already, so that the details need not. */
export const SAID: Record<string, readonly string[]> = {
  'points.adjusted': ['amount', 'unit', 'reason', 'member_id'],
  'points.expired': ['points', 'growth', 'members'],
  'member.revealed': ['fields', 'reason'],
  'order.refunded': ['amount_fen', 'reason'],
  'order.voided': ['reason'],
  'import.finished': ['file_name'],
}
// The reason of a refund that a file has told.
const IMPORTED = 'import'
// Of a change these tell nothing by themselves.
const SILENT = new Set(['fields', 'version', 'updated_at'])

const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '')

/** Of which words the sentence is made, where the action alone doesn't tell. */
function sayingOf({ action, after }: Entry): string {
  if (action === 'import.queued' && after?.held === true) return 'import_held'
  if (action === 'import.queued' && after?.dry_run === true) return 'import_checked'
  if (action === 'staff.changed' && after?.locked_until === null) return 'staff_unlocked'
  return wordOf(action)
}

/** The thing that an entry is about, by its name. */
function useObjects(names: Names): (entry: Entry) => string {
  const people = usePeople()
  const catalog = useCatalog()
  return (entry) => {
    const { object_kind: kind, object_id: id, before, after } = entry
    const about = memberOf(entry)
    const named = text(after?.name) || text(before?.name)
    if (about) return names.of('member', about) ?? `#${about}`
    switch (kind) {
      case 'order':
        return names.of('order', id) ?? `#${id}`
      case 'rule':
        return named || (names.of('rule', id) ?? id)
      case 'rule_draft':
        return named || (names.of('rule', text(after?.rule_id)) ?? id)
      case 'staff':
        return people.nameOf(`staff:${id}`, text(after?.name))
      case 'api_key':
        return text(after?.name) || (people.keys.find((key) => String(key.key_id) === id)?.name ?? id)
      case 'store':
        return text(after?.name) || (catalog.storesById.get(Number(id))?.name ?? id)
      case 'region':
        return text(after?.name) || catalog.regionName(id)
      default:
        return named || id
    }
  }
}

export function useSentences(names: Names) {
  const t = useWords(words)
  const f = useFormat()
  const { field, value } = useValues(names)

  function fieldsOf({ before, after, object_kind }: Entry): string {
    const person = object_kind === 'member' || object_kind === 'staff'
    const told = Array.isArray(after?.fields) ? after.fields.map(String) : null
    const changed = told ?? Object.keys({ ...before, ...after }).filter((name) => !SILENT.has(name))
    return join([...new Set(changed.map((name) => (person && name === 'name' ? t('person_name') : field(name))))])
  }

  const whatOf = useObjects(names)

  function changeOf(entry: Entry): string {
    const amount = Number(entry.after?.amount ?? 0)
    return t(amount < 0 ? 'change_less' : 'change_more', { n: f.integer(Math.abs(amount)) })
  }

  function say(entry: Entry): string {
    const { action, after } = entry
    const values = {
      what: whatOf(entry),
      fields: fieldsOf(entry),
      reason: after?.reason === IMPORTED ? t('by_import') : text(after?.reason) || t('no_reason'),
      unit: t.of('', text(after?.unit)),
      change: changeOf(entry),
      amount: f.money(typeof after?.amount_fen === 'number' ? after.amount_fen : null),
      told: value('', after),
      // Entries of older releases have none.
      file: text(after?.file_name) || '…',
      kind: t(after?.kind === 'members' ? 'group_member' : 'group_order'),
      count: f.integer(Number((after?.counts as Record<string, number> | undefined)?.created ?? 0)),
    }
    return t.of(
      'say_',
      sayingOf(entry),
      t('say_other', { action: t.of('act_', wordOf(action), action), what: values.what }),
      values,
    )
  }

  return { say }
}
