import { flushPromises, type VueWrapper } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import DropZone from './DropZone.vue'
import { ANSWERS, ID, NOTHING, PREVIEW, TASK } from './examples'
import ImportList from './ImportList.vue'
import ImportNew from './ImportNew.vue'
import ImportPage from './ImportPage.vue'
import type { Task } from './task'
import { Problem, upload, type Schemas } from '@/shared/api'
import { mountPage, refusal } from '@/shared/testing/mount'

vi.mock('@/shared/api', async (original) => ({ ...(await original<object>()), upload: vi.fn() }))

const SECOND = ID.replace('01a2', '01a1')
const looking = (platform: string | null, other: string | null): Record<string, unknown> => ({
  ...ANSWERS,
  [`GET /v1/imports/${ID}`]: TASK,
  [`GET /v1/imports/${SECOND}`]: { ...TASK, import_id: SECOND, file_name: '会员.csv' },
  [`GET /v1/imports/${ID}/preview`]: { ...PREVIEW, platform },
  [`GET /v1/imports/${SECOND}/preview`]: { ...PREVIEW, platform: other },
})

describe('two files that were dropped together', () => {
  const drop = async (platform: string | null, other: string | null): Promise<string> => {
    const names = ['a.csv', 'b.csv']
    vi.mocked(upload).mockImplementation((_path, query) => {
      expect(query['kind']).toBeUndefined()
      return Promise.resolve({ ...TASK, import_id: query['file_name'] === 'a.csv' ? ID : SECOND } as never)
    })
    const { wrapper, router } = await mountPage(ImportNew, { path: '/imports/new', answers: looking(platform, other) })
    wrapper.getComponent(DropZone).vm.$emit(
      'files',
      names.map((name) => new File(['x'], name)),
    )
    await flushPromises()
    await flushPromises()
    return router.currentRoute.value.fullPath
  }

  it('are one import when they are the two reports of one platform, else two', async () => {
    expect(await drop('taobao_detail', 'taobao_orders')).toBe(`/imports/${ID}?with=${SECOND}`)
    expect(await drop('taobao_detail', 'taobao_detail')).toBe('/imports')
    expect(await drop('taobao_orders', null)).toBe('/imports')
  })

  it('are told apart when one of them can not be read', async () => {
    vi.mocked(upload)
      .mockResolvedValueOnce(TASK)
      .mockRejectedValueOnce(new Problem(400, 'import_sheet_damaged', 'Excel 文件已损坏'))
    const { wrapper, router } = await mountPage(ImportNew, { path: '/imports/new', answers: ANSWERS })
    wrapper.getComponent(DropZone).vm.$emit('files', [new File(['x'], 'a.csv'), new File(['x'], 'b.xlsx')])
    await flushPromises()
    expect(router.currentRoute.value.fullPath).toBe('/imports/new')
    expect(wrapper.text()).toContain('“b.xlsx”没有收下')
    expect(wrapper.text()).toContain('Excel 文件已损坏')
    expect(wrapper.get('.hm-stack a').attributes('href')).toBe(`/imports/${ID}`)
    expect(wrapper.find('.again').exists()).toBe(false)
  })

  it('can be taken apart, and stay so', async () => {
    const settings = { ...TASK.settings, with_import: SECOND }
    const failed: Task = { ...TASK, state: 'failed', settings }
    const sent = async (task: Task, platform: string | null): Promise<[string, unknown]> => {
      const answers = {
        ...looking(platform, null),
        [`GET /v1/imports/${ID}`]: task,
        [`POST /v1/imports/${ID}/check`]: { ...TASK, state: 'queued' },
      }
      const path = `/imports/${ID}?with=${SECOND}`
      const { wrapper, calls } = await mountPage(ImportPage, { path, props: { importId: ID }, answers })
      await flushPromises()
      const said = wrapper.text()
      const apart = wrapper.findAll('button').find((each) => each.text() === '不合并')
      await apart?.trigger('click')
      if (!platform) await wrapper.get('select.field').setValue('order_no')
      await wrapper.get('form').trigger('submit')
      await flushPromises()
      const body = calls.find((call) => call.path.endsWith('/check'))?.body as Schemas['ImportCheck']
      return [said, body.with_import]
    }
    const [wrong, none] = await sent(failed, null)
    expect(wrong).not.toContain('和另一份报表')
    expect(wrong).toContain('这个文件和“会员.csv”不是同一平台的两份报表')
    expect(none).toBeNull()
    const [right, gone] = await sent({ ...TASK, settings }, 'taobao_orders')
    expect(right).toContain('和另一份报表“会员.csv”合在一起导入')
    expect(gone).toBeNull()
    // The address names one only until somebody has said otherwise.
    const [alone, still] = await sent({ ...TASK, state: 'cancelled' }, null)
    expect(alone).not.toContain('会员.csv')
    expect(still).toBeNull()
  })

  it('are told apart in the list once their pairing came to nothing', async () => {
    const member: Task = { ...TASK, import_id: SECOND, file_name: '会员.csv', kind: 'members' }
    const said = async (more: Partial<Task>): Promise<string> => {
      const first: Task = { ...TASK, settings: { ...TASK.settings, with_import: SECOND }, ...more }
      const answers = { ...ANSWERS, 'GET /v1/imports': { items: [first, member], next_cursor: null } }
      const { wrapper } = await mountPage(ImportList, { answers })
      await flushPromises()
      return wrapper.findAll('tbody tr')[1]?.text() ?? ''
    }
    expect(await said({})).toContain('配套报表随“三月.csv”一起导入')
    const error = { code: 'import_files_do_not_match', status: 400, detail_zh: '', detail_en: '' }
    expect(await said({ state: 'failed', error })).toContain('会员待核对')
  })
})

describe('what a page says', () => {
  const opened = async (task: Partial<Task>, more: Record<string, unknown> = {}): Promise<VueWrapper> => {
    const answers = { ...ANSWERS, [`GET /v1/imports/${ID}`]: { ...TASK, ...task }, ...more }
    const { wrapper } = await mountPage(ImportPage, { props: { importId: ID }, answers })
    await flushPromises()
    return wrapper
  }

  it('offers a way out of a file that can not be read, not the same again', async () => {
    const damaged = refusal(400, 'import_sheet_damaged', 'Excel 文件已损坏')
    const wrapper = await opened({}, { [`GET /v1/imports/${ID}/preview`]: damaged })
    const offered = wrapper.findAll('[role=alert] button').map((each) => each.text())
    expect(offered).toEqual(['换一个文件', '不导了'])
    expect(wrapper.text()).not.toContain('没有加载出来')
  })

  it('asks beside the columns for the store that no column says', async () => {
    const stores = ['s1', 's2'].map((code, place) => ({ store_id: place + 1, code, name: code }))
    const wrapper = await opened({}, { 'GET /v1/stores': { items: stores, next_cursor: null } })
    await wrapper.get('select.field').setValue('order_no')
    expect(wrapper.get('.gaps').text()).toContain('没有，就选一家门店，所有订单都算到它')
    expect(wrapper.findAll('option[value=s2]')).toHaveLength(1)
    const button = wrapper.get('button[type=submit]').element as HTMLButtonElement
    expect(button.disabled).toBe(true)
    await wrapper.get('.gaps select').setValue('s2')
    expect([button.disabled, wrapper.find('.gaps select').exists()]).toEqual([false, true])
    // A column that says it is asked for no more, and the choice goes below.
    await wrapper.findAll('select.field')[3]?.setValue('store')
    expect(wrapper.find('.gaps select').exists()).toBe(false)
    const none = await opened({}, { 'GET /v1/stores': NOTHING })
    expect(none.get('.gaps a').attributes('href')).toBe('/stores/new')
  })

  it('asks for no change where none can be made', async () => {
    const wrapper = await opened({}, { [`GET /v1/imports/${ID}/preview`]: { ...PREVIEW, platform: 'douyin' } })
    expect(wrapper.text()).not.toContain('不对的改一下')
    expect((await opened({})).text()).toContain('不对的改一下')
  })

  it('counts what is left out once, and says nothing of an order where there is none', async () => {
    const counts = { created: 1, unchanged: 0, refused: 0 }
    const bad = { items: [], by_code: [], unknown_statuses: [], counted_all: true }
    const more = { [`GET /v1/imports/${ID}/bad-rows`]: bad }
    const wrapper = await opened({ state: 'done', rows: 20, bad_rows: 19, has_errors: true, counts }, more)
    const said = wrapper.findAll('.counts dt').map((each) => each.text())
    expect(said).toEqual(['看不懂，不会导入的行', '新订单', '已有，无需改动'])
  })

  it('waits for its turn without naming others', async () => {
    expect((await opened({ state: 'queued' })).text()).not.toContain('前面还有')
  })
})
