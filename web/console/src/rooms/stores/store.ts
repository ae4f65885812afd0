/** The store's form: what the API has as fields, as the page edits it, and back. */
import type { Schemas } from '@/shared/api'

type Store = Schemas['Store']

export interface StoreDraft {
  code: string
  name: string
  region: string | null
  timezone: string
  day_cut_minutes: number
  legal_entity: string
  uscc: string
}

/** The fields that the form shows, so that what is wrong with one is said beside it. */
export const FIELDS = ['code', 'name', 'region', 'timezone', 'day_cut_minutes', 'legal_entity', 'uscc'] as const

export function draftOf(store: Store | null, merchant: { timezone: string; day_cut_minutes: number }): StoreDraft {
  return {
    code: store?.code ?? '',
    name: store?.name ?? '',
    region: store?.region ?? null,
    timezone: store?.timezone ?? merchant.timezone,
    day_cut_minutes: store?.day_cut_minutes ?? merchant.day_cut_minutes,
    legal_entity: store?.legal_entity ?? '',
    uscc: store?.uscc ?? '',
  }
}

/** For a new store as well as for a change of one. */
export function inputOf(draft: StoreDraft) {
  return {
    ...draft,
    code: draft.code.trim(),
    name: draft.name.trim(),
    legal_entity: draft.legal_entity.trim() || null,
    uscc: draft.uscc.trim() || null,
  } satisfies Schemas['StoreInput'] & Schemas['StorePatch']
}
