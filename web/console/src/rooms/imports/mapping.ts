/** What each column of a file is taken for, as the page lets people change it. */
import type { Schemas } from '@/shared/api'

type Preview = Schemas['Preview']

/** By the column's place; '': it is not used. */
export type Choices = string[]

const LEFT_OUT = '-'
const IDENTITIES = ['external_id', 'phone', 'card_no']

const recognised = (column: Preview['columns'][number]): string => (column.left_out ? '' : (column.field ?? ''))

/** As the server recognised them, with what was chosen at an earlier check of this file over it. */
export function choicesOf(preview: Preview, told: Record<string, string>): Choices {
  const known = new Set(preview.fields.map((each) => each.field))
  return preview.columns.map((column) => {
    const given = told[column.name]
    if (given === LEFT_OUT) return ''
    return given !== undefined && known.has(given) ? given : recognised(column)
  })
}

/** Only what differs from what the server would take anyway; that is what it remembers for the source. */
export function mappingOf(preview: Preview, choices: Choices): Record<string, string> {
  const mapping: Record<string, string> = {}
  if (preview.platform) return mapping
  preview.columns.forEach((column, place) => {
    const chosen = choices[place] ?? ''
    if (chosen !== recognised(column)) mapping[column.name] = chosen || LEFT_OUT
  })
  return mapping
}

/** What was chosen by hand, as far as it fits another look at the file; "not used" was said of that kind only. */
export function stillFits(made: Record<string, string>, sameKind: boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(made).filter(([, field]) => sameKind || field !== LEFT_OUT))
}

export interface Gaps {
  /** Fields that no column holds and that are needed. */
  missing: string[]
  /** Fields that two columns hold. */
  twice: string[]
  /** Of members: neither number nor phone nor card. */
  nobody: boolean
}

/** storeKnown: a store is chosen for all rows, or there is but one. */
export function gapsOf(preview: Preview, choices: Choices, storeKnown: boolean): Gaps {
  if (preview.platform) return { missing: [], twice: [], nobody: false }
  const used = choices.filter(Boolean)
  const needed = preview.fields.filter((each) => each.required && !(each.field === 'store' && storeKnown))
  return {
    missing: needed.map((each) => each.field).filter((field) => !used.includes(field)),
    twice: [...new Set(used.filter((field, place) => used.indexOf(field) !== place))],
    nobody: preview.kind === 'members' && !IDENTITIES.some((field) => used.includes(field)),
  }
}

/** Columns that nobody knows, but that look like something which no other column is. */
export const overlooked = (preview: Preview, choices: Choices): string[] =>
  preview.columns
    .filter((column, place) => column.looks_like && !choices[place] && !choices.includes(column.looks_like))
    .map((column) => column.name)

export const complete = (gaps: Gaps): boolean => !gaps.missing.length && !gaps.twice.length && !gaps.nobody
