import { flushPromises } from '@vue/test-utils'
import { ANSWERS, column, ID, PREVIEW, TASK } from './examples'
import { afterEach, describe, expect, it, test, vi } from 'vitest'
import { wrongWith } from './files'
import ImportList from './ImportList.vue'
import ImportPage from './ImportPage.vue'
import { choicesOf, complete, gapsOf, mappingOf, overlooked } from './mapping'
import SourcePicker from './SourcePicker.vue'
import { meaningsOf, toldOf, wordsOf } from './statuses'
import { countsOf, discardable, faceOf, leftOut, Pace, sizeOf, worthAnother, type Task } from './task'
import { answer, asking } from '@/shared/confirm'
import { mountPage } from '@/shared/testing/mount'
import type { Schemas } from '@/shared/api'

describe('columns', () => {
  it('sends only what differs from what is recognised', () => {
    const choices = choicesOf(PREVIEW, { 单据: 'order_no', 实付: '-', 备注: 'nonsense' })
    expect(choices).toEqual(['order_no', 'ordered_at', '', ''])
    expect(mappingOf(PREVIEW, choices)).toEqual({ 单据: 'order_no', 实付: '-' })
    expect(mappingOf({ ...PREVIEW, platform: 'douyin' }, choices)).toEqual({})
  })

  it('says what is missing and what is there twice', () => {
    const gaps = gapsOf(PREVIEW, ['member', 'ordered_at', 'paid_amount', 'member'], false)
    expect(gaps).toEqual({ missing: ['order_no', 'store'], twice: ['member'], nobody: false })
    expect(complete(gapsOf(PREVIEW, ['order_no', 'ordered_at', 'paid_amount', ''], true))).toBe(true)
    expect(gapsOf({ ...PREVIEW, kind: 'members', fields: [] }, ['name'], true).nobody).toBe(true)
  })
})

describe('words of status', () => {
  const seen: Schemas['Preview'] = {
    ...PREVIEW,
    status_column: '状态',
    statuses: [
      { word: '挂账', rows: 3, status: null, told: false },
      { word: '已发货', rows: 2, status: 'completed', told: false },
      { word: '弃单', rows: 1, status: 'voided', told: true },
    ],
  }

  it('adds what only a check of the whole file has found', () => {
    const found = [
      { column: '状态', word: '赊销', rows: 9 },
      { column: '状态', word: '挂账', rows: 4 },
      { column: '备注', word: '快', rows: 7 },
    ]
    expect(wordsOf(seen, found).map((each) => each.word)).toEqual(['赊销', '挂账', '已发货', '弃单'])
  })

  it('sends what differs from what is known, and keeps what was told of words that are not seen', () => {
    const told = { 挂账: 'open', 弃单: 'open', 别的: 'voided' }
    expect(meaningsOf(seen.statuses, told)).toEqual({ 挂账: 'open', 已发货: 'completed', 弃单: 'open' })
    const chosen = { 挂账: 'completed', 已发货: 'completed', 弃单: 'voided' }
    expect(toldOf(seen.statuses, told, chosen)).toEqual({ 挂账: 'completed', 别的: 'voided' })
    expect(toldOf(seen.statuses, {}, { 挂账: '', 已发货: 'open' })).toEqual({ 已发货: 'open' })
  })
})

describe('an import', () => {
  it('has a face for each state', () => {
    expect(faceOf(TASK)).toBe('held')
    expect(faceOf({ ...TASK, state: 'running' })).toBe('checking')
    expect(faceOf({ ...TASK, state: 'running', cancelling: true })).toBe('stopping')
    expect(faceOf({ ...TASK, state: 'done' })).toBe('checked')
    expect(faceOf({ ...TASK, state: 'done', dry_run: false, has_errors: true })).toBe('partly')
  })

  it('tells its pace once there is enough to see, and begins anew with each phase', () => {
    const pace = new Pace()
    const at = (done: number, phase = 'write'): Task => ({
      ...TASK,
      state: 'running',
      phase,
      done,
      total: 1000,
      counts: { created: done / 2 },
    })
    pace.add(at(100), 0)
    expect(pace.secondsLeft(at(100))).toBeNull()
    pace.add(at(500), 4000)
    expect([pace.rate, pace.secondsLeft(at(500))]).toEqual([50, 5])
    pace.add(at(0, 'check'), 5000)
    expect(pace.rate).toBeNull()
  })

  it('counts what did not come in', () => {
    const done: Task = {
      ...TASK,
      state: 'done',
      bad_rows: 3,
      counts: { created: 5, conflict: 1, refused: 2, no_rows: 0 },
    }
    expect(leftOut(done)).toBe(6)
    expect(countsOf(done).map((each) => each.name)).toEqual(['created', 'conflict', 'refused'])
  })
})

test('a file goes as long as nothing was written, and is tried once more when that can help', () => {
  const real: Task = { ...TASK, dry_run: false, state: 'failed' }
  const refused = { code: 'import_columns_missing', status: 400, detail_zh: '', detail_en: '' }
  expect([TASK, { ...TASK, state: 'done' as const }].every(discardable)).toBe(true)
  expect([{ ...TASK, state: 'queued' as const }, { ...TASK, state: 'running' as const }, real].some(discardable)).toBe(
    false,
  )
  expect(worthAnother({ ...real, error: { ...refused, code: 'import_broke_off', status: 500 } })).toBe(true)
  expect(worthAnother({ ...real, state: 'cancelled' })).toBe(true)
  expect(worthAnother({ ...real, error: refused })).toBe(false)
  expect(worthAnother({ ...real, state: 'cancelled', files_deleted_at: TASK.created_at })).toBe(false)
})

test('files are judged by name and size, and sizes are short', () => {
  expect(wrongWith({ name: 'a.XLSX', size: 1 })).toBeNull()
  expect(wrongWith({ name: 'a.xls', size: 1 })).toBe('old_xls')
  expect(wrongWith({ name: 'a.pdf', size: 1 })).toBe('bad_type')
  expect(wrongWith({ name: 'a.csv', size: 0 })).toBe('empty_file')
  expect(wrongWith({ name: 'a.csv', size: 2 ** 31 })).toBe('too_big')
  expect([sizeOf(900), sizeOf(2048), sizeOf(30 * 2 ** 20)]).toEqual(['900 B', '2.0 KB', '30 MB'])
})

describe('a column that looks like something', () => {
  it('is told until it is chosen, or another column is it', () => {
    const seen = { ...PREVIEW, columns: [{ ...column('剩余分', null), looks_like: 'points' }, column('备注', null)] }
    expect(overlooked(seen, ['', ''])).toEqual(['剩余分'])
    expect(overlooked(seen, ['points', ''])).toEqual([])
    expect(overlooked(seen, ['', 'points'])).toEqual([])
  })
})

describe('the page of an import', () => {
  afterEach(() => vi.useRealTimers())

  it('lets nobody check before the columns are complete, and sends what was chosen', async () => {
    const { wrapper, calls } = await mountPage(ImportPage, {
      props: { importId: ID },
      answers: {
        ...ANSWERS,
        [`GET /v1/imports/${ID}`]: TASK,
        [`POST /v1/imports/${ID}/check`]: { ...TASK, state: 'queued' },
      },
    })
    await flushPromises()
    expect(wrapper.text()).toContain('还缺：订单号')
    const button = (): HTMLButtonElement => wrapper.get('button[type=submit]').element as HTMLButtonElement
    expect(button().disabled).toBe(true)
    await wrapper.get('select.field').setValue('order_no')
    expect(button().disabled).toBe(false)
    await wrapper.get('form').trigger('submit')
    await flushPromises()
    const sent = calls.find((call) => call.path.endsWith('/check'))
    expect(sent?.body).toMatchObject({ kind: 'orders', earn: false, mapping: { 单据: 'order_no' } })
  })

  it('keeps the columns as they were chosen when something else is set', async () => {
    const { wrapper, calls } = await mountPage(ImportPage, {
      props: { importId: ID },
      answers: {
        ...ANSWERS,
        [`GET /v1/imports/${ID}`]: TASK,
        [`GET /v1/imports/${ID}/preview`]: ({ query }: { query: Record<string, string> }) =>
          query['kind'] === 'members'
            ? { ...PREVIEW, kind: 'members', fields: [{ field: 'member', required: false, names: [] }] }
            : PREVIEW,
      },
    })
    await flushPromises()
    const chosen = (): string[] =>
      wrapper.findAll('select.field').map((each) => (each.element as HTMLSelectElement).value)
    await wrapper.get('select.field').setValue('order_no')
    await wrapper.findAll('select.field')[3]?.setValue('member')
    await wrapper.get('details select').setValue('mdy')
    await flushPromises()
    const looks = (): number => calls.filter((call) => call.path.endsWith('/preview')).length
    expect([looks(), chosen()]).toEqual([1, ['order_no', 'ordered_at', 'paid_amount', 'member']])
    // Of another source, or another kind, what still fits stays.
    wrapper.getComponent(SourcePicker).vm.$emit('update:modelValue', 'pos')
    await flushPromises()
    expect([looks(), chosen()]).toEqual([2, ['order_no', 'ordered_at', 'paid_amount', 'member']])
    await wrapper.get('input[type=radio][value=members]').setValue()
    await flushPromises()
    expect([looks(), chosen()]).toEqual([3, ['', '', '', 'member']])
  })

  it('lets what a word of the status means be chosen, of another column too', async () => {
    const known: Schemas['Preview'] = {
      ...PREVIEW,
      columns: [column('订单', 'order_no'), ...PREVIEW.columns.slice(1), column('状态', 'status')],
      fields: [...PREVIEW.fields, { field: 'status', required: false, names: [] }],
    }
    const asked: (string | undefined)[] = []
    const { wrapper, calls } = await mountPage(ImportPage, {
      props: { importId: ID },
      answers: {
        ...ANSWERS,
        [`GET /v1/imports/${ID}`]: { ...TASK, settings: { ...TASK.settings, statuses: { 别的: 'open' } } },
        [`GET /v1/imports/${ID}/preview`]: ({ query }: { query: Record<string, string> }) => {
          const other = query['status_column']
          asked.push(other)
          const word = { word: other ? '白送' : '挂账', rows: 3, status: null, told: false }
          const before = { word: '弃单', rows: 1, status: 'voided', told: true }
          return { ...known, status_column: other ?? '状态', statuses: [word, before] }
        },
        [`POST /v1/imports/${ID}/check`]: { ...TASK, state: 'queued' },
      },
    })
    await flushPromises()
    expect(wrapper.text()).toContain('还有 1 种说法不知道是什么意思')
    const hows = (): string[] => wrapper.findAll('.how').map((each) => each.text())
    expect(hows()).toEqual(['没认出来', '上次选的'])
    await wrapper.get('select.meaning').setValue('completed')
    expect(wrapper.text()).toContain('这些说法都知道是什么意思')
    expect(hows()).toEqual(['你选的', '上次选的'])
    const choose = (name: string, field: string): Promise<void> =>
      wrapper.get(`select.field[aria-label^="${name}"]`).setValue(field)
    await choose('状态', '')
    expect(wrapper.find('select.meaning').exists()).toBe(false)
    await choose('备注', 'status')
    await flushPromises()
    expect(asked).toEqual([undefined, '备注'])
    expect(wrapper.text()).toContain('白送')
    await wrapper.get('select.meaning').setValue('refunded')
    await wrapper.get('form').trigger('submit')
    await flushPromises()
    const sent = calls.find((call) => call.path.endsWith('/check'))
    expect(sent?.body).toMatchObject({
      mapping: { 备注: 'status', 状态: '-' },
      statuses: { 别的: 'open', 白送: 'refunded' },
    })
  })

  it('asks before it imports for real, with what the trial run said', async () => {
    const checked: Task = {
      ...TASK,
      state: 'done',
      rows: 5,
      bad_rows: 1,
      has_errors: true,
      counts: { created: 3, refused: 1, unchanged: 0 },
    }
    const { wrapper, calls } = await mountPage(ImportPage, {
      props: { importId: ID },
      answers: {
        ...ANSWERS,
        [`GET /v1/imports/${ID}`]: checked,
        [`GET /v1/imports/${ID}/bad-rows`]: {
          items: [
            {
              line: 3,
              column: '实付',
              value: '十元',
              code: 'bad_amount',
              reason_zh: '不是金额',
              reason_en: '',
              business_day: '',
              order_no: 'A2',
            },
          ],
          by_code: [{ code: 'bad_amount', rows: 1 }],
          unknown_statuses: [],
          counted_all: true,
        },
        [`POST /v1/imports/${ID}/start`]: { ...checked, dry_run: false, state: 'queued' },
      },
    })
    await flushPromises()
    expect(wrapper.text()).toContain('写成元，最多两位小数')
    expect(wrapper.text()).toContain('第 3 行')
    expect(wrapper.get('.download').attributes('href')).toBe(`/v1/imports/${ID}/errors?lang=zh`)
    await wrapper.get('.deeds button').trigger('click')
    expect(asking.value?.text).toContain('3 项')
    expect(asking.value?.text).toContain('2 处')
    expect(calls.some((call) => call.path.endsWith('/start'))).toBe(false)
    answer(true)
    await flushPromises()
    expect(calls.some((call) => call.path.endsWith('/start'))).toBe(true)
  })

  it('follows one that runs until it is over, also when somebody else started it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    let done = 100
    const running = (): Task => ({
      ...TASK,
      dry_run: false,
      state: done < 900 ? 'running' : 'done',
      phase: 'write',
      done: (done += 200),
      total: 1000,
      counts: { created: done },
      created_by: 'key:3',
    })
    const { wrapper } = await mountPage(ImportPage, {
      props: { importId: ID },
      permissions: ['imports:read'],
      answers: { [`GET /v1/imports/${ID}`]: running },
    })
    expect(wrapper.get('progress').attributes('value')).toBe('3000')
    expect(wrapper.text()).not.toContain('取消导入')
    for (let looked = 0; looked < 5; looked++) {
      await vi.advanceTimersByTimeAsync(1000)
      await flushPromises()
    }
    expect(wrapper.find('progress').exists()).toBe(false)
    expect(wrapper.text()).toContain('导入结果')
  })
})

describe('a file that is not to be imported', () => {
  const other: Task = {
    ...TASK,
    import_id: ID.replace('01a2', '01a1'),
    file_name: '二月.csv',
    dry_run: false,
    state: 'done',
  }
  const GONE = { ...ANSWERS, [`DELETE /v1/imports/${ID}`]: TASK }

  it('leaves the list once somebody has said so twice', async () => {
    const { wrapper, calls } = await mountPage(ImportList, {
      answers: { ...GONE, 'GET /v1/imports': { items: [TASK, other], next_cursor: null } },
    })
    await flushPromises()
    const buttons = wrapper.findAll('td button')
    expect(buttons.map((each) => each.attributes('aria-label'))).toEqual(['删除“三月.csv”'])
    await wrapper.get('td button').trigger('click')
    expect(asking.value).toMatchObject({ title: '删除“三月.csv”？', danger: true })
    answer(false)
    await flushPromises()
    expect(calls.some((call) => call.method === 'DELETE')).toBe(false)
    await wrapper.get('td button').trigger('click')
    answer(true)
    await flushPromises()
    expect(calls.filter((call) => call.method === 'DELETE').map((call) => call.path)).toEqual([`/v1/imports/${ID}`])
    expect(calls.filter((call) => call.path === '/v1/imports')).toHaveLength(2)
  })

  it('stays for who only looks', async () => {
    const { wrapper } = await mountPage(ImportList, {
      permissions: ['imports:read'],
      answers: { ...ANSWERS, 'GET /v1/imports': { items: [TASK], next_cursor: null } },
    })
    await flushPromises()
    expect(wrapper.text()).toContain('三月.csv')
    expect(wrapper.find('td button').exists()).toBe(false)
  })
})

describe('rows that the same file does not better', () => {
  const row = (code: string, value: string): Schemas['BadRow'] => ({
    line: 3,
    column: '',
    value,
    code,
    reason_zh: '没有这位会员：请先导入会员，再导入这个文件；也可以选择新建会员，或不记会员',
    reason_en: '',
    business_day: '',
    order_no: '=A2',
  })
  const page = async (task: Partial<Task>, codes: string[]): Promise<string> => {
    const { wrapper } = await mountPage(ImportPage, {
      props: { importId: ID },
      answers: {
        ...ANSWERS,
        [`GET /v1/imports/${ID}`]: { ...TASK, state: 'done', rows: 5, bad_rows: 0, has_errors: true, ...task },
        [`GET /v1/imports/${ID}/bad-rows`]: {
          items: codes.map((code) => row(code, 'V009')),
          by_code: codes.map((code) => ({ code, rows: 2 })),
          unknown_statuses: [],
          counted_all: true,
        },
      },
    })
    await flushPromises()
    return wrapper.text()
  }

  it('says what comes first', async () => {
    const after = await page({ dry_run: false }, ['unknown_member'])
    expect(after).toContain('有 2 处的会员还不在系统里')
    expect(after).toContain('先导入这些会员，再导入一次这个文件')
    expect(after).toContain('先把缺的会员、门店或原订单补进系统')
    expect(after).not.toContain('在原来的文件里改好')
    expect(after).toContain('也可以选择新建会员')
    expect(await page({}, ['unknown_member'])).toContain('在设置里选“按散客订单导入”')
    expect(await page({}, ['unknown_member', 'bad_amount'])).toContain('在原来的文件里改好')
  })
})
