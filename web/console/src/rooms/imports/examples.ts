/** An import, a look at its file, and what the API answers around them, for the tests of this room. */
import type { Task } from './task'
import type { Schemas } from '@/shared/api'

export const ID = '01a214c0-d1b6-7208-9e5f-02714721c4d8'
export const TASK: Task = {
  import_id: ID,
  kind: 'orders',
  dry_run: true,
  state: 'held',
  cancelling: false,
  phase: null,
  done: 0,
  total: 0,
  rows: null,
  bad_rows: null,
  counts: {},
  unknown_columns: [],
  has_errors: false,
  resumed: false,
  error: null,
  file_name: '三月.csv',
  file_size: 2048,
  settings: {
    earn: false,
    create_stores: false,
    unknown_member: 'error',
    source: 'import',
    source_timezone: null,
    sheet: null,
    store: null,
    date_order: '',
    mapping: {},
    statuses: {},
    with_import: null,
  },
  created_at: '2026-03-01T02:00:00Z',
  created_by: 'staff:1',
  started_at: null,
  finished_at: null,
  files_deleted_at: null,
}
export const column = (name: string, field: string | null): Schemas['PreviewColumn'] => ({
  name,
  field,
  told: false,
  left_out: false,
  looks_like: null,
  samples: ['x'],
})
export const PREVIEW: Schemas['Preview'] = {
  kind: 'orders',
  likely_kind: 'orders',
  platform: null,
  sheets: [],
  sheet: null,
  header_line: 1,
  columns: [
    column('单据', null),
    column('下单时间', 'ordered_at'),
    column('实付', 'paid_amount'),
    column('备注', null),
  ],
  fields: ['order_no', 'ordered_at', 'store', 'paid_amount', 'member'].map((field) => ({
    field,
    required: field !== 'member',
    names: [],
  })),
  status_column: null,
  statuses: [],
  statuses_whole: true,
}
export const NOTHING = { items: [], next_cursor: null }
export const ANSWERS = {
  'GET /v1/stores': { items: [{ store_id: 1, code: 's1', name: '静安店' }], next_cursor: null },
  'GET /v1/regions': NOTHING,
  'GET /v1/staff': NOTHING,
  'GET /v1/api-keys': NOTHING,
  'GET /v1/imports': NOTHING,
  [`GET /v1/imports/${ID}/preview`]: PREVIEW,
}
