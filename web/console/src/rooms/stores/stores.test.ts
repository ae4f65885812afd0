import { flushPromises } from '@vue/test-utils'
import { expect, it, test } from 'vitest'
import StoreForm from './StoreForm.vue'
import StoreList from './StoreList.vue'
import { draftOf, inputOf } from './store'
import { cutAsClock, cutChoices } from '@/shared/daycut'
import { mountPage, refusal } from '@/shared/testing/mount'

const STORE = {
  store_id: 7,
  code: 's1',
  name: '静安店',
  region: 'east',
  timezone: 'Asia/Shanghai',
  day_cut_minutes: 240,
  legal_entity: null,
  uscc: null,
}
const NOTHING = { items: [], next_cursor: null }
const CATALOG = {
  'GET /v1/stores': NOTHING,
  'GET /v1/regions': { items: [{ code: 'east', name: '华东' }], next_cursor: null },
}

it('lists stores with the names of their regions', async () => {
  const { wrapper } = await mountPage(StoreList, {
    answers: { ...CATALOG, 'GET /v1/stores': { items: [STORE], next_cursor: null } },
  })
  expect(wrapper.findAll('tbody td').map((cell) => cell.text())).toEqual(['静安店', 's1', '华东', '04:00'])
  expect(wrapper.get('tbody a').attributes('href')).toBe('/stores/7')
})

it('says what to do when there is none, and offers nothing to who may only look', async () => {
  const { wrapper } = await mountPage(StoreList, { answers: CATALOG, permissions: ['settings:read'] })
  expect(wrapper.text()).toContain('还没有门店')
  expect(wrapper.text()).not.toContain('新增门店')
})

it('says what went wrong and tries again', async () => {
  let away = true
  const answer = (): unknown => (away ? refusal(500, 'internal_error', '系统出错，已记录')() : NOTHING)
  const { wrapper } = await mountPage(StoreList, { answers: { ...CATALOG, 'GET /v1/stores': answer } })
  expect(wrapper.get('[role=alert]').text()).toContain('系统出错，已记录')
  away = false
  await wrapper.get('[role=alert] button').trigger('click')
  await flushPromises()
  expect(wrapper.text()).toContain('还没有门店')
})

it('creates a store with what was typed and a key', async () => {
  const { wrapper, router, calls } = await mountPage(StoreForm, { answers: { ...CATALOG, 'POST /v1/stores': STORE } })
  await wrapper.get('form').trigger('submit')
  expect(wrapper.findAll('.wrong').map((each) => each.text())).toEqual(['请填写', '请填写'])
  expect(calls.some((call) => call.method === 'POST')).toBe(false)
  const [name, code] = wrapper.findAll('input[maxlength]')
  await name?.setValue(' 静安店 ')
  await code?.setValue('s1')
  await wrapper.get('form').trigger('submit')
  await flushPromises()
  const sent = calls.find((call) => call.method === 'POST')
  expect(sent?.body).toEqual({
    code: 's1',
    name: '静安店',
    region: null,
    timezone: 'Asia/Shanghai',
    day_cut_minutes: 0,
    legal_entity: null,
    uscc: null,
  })
  expect(sent?.headers.get('idempotency-key')).toMatch(/^[0-9a-f-]{36}$/)
  expect(sent?.headers.get('x-csrf-token')).toBe('csrf')
  expect(router.currentRoute.value.path).toBe('/stores')
})

it('changes what was read, and keeps what was typed when somebody else was faster', async () => {
  const stale = refusal(412, 'precondition_failed', '内容已被他人修改')
  const { wrapper, calls } = await mountPage(StoreForm, {
    props: { storeId: '7' },
    answers: { ...CATALOG, 'GET /v1/stores/7': STORE, 'PATCH /v1/stores/7': stale },
  })
  const name = wrapper.get<HTMLInputElement>('input[maxlength="100"]')
  expect(name.element.value).toBe('静安店')
  await name.setValue('南京西路店')
  await wrapper.get('form').trigger('submit')
  await flushPromises()
  expect(calls.find((call) => call.method === 'PATCH')?.headers.get('if-match')).toBe('"tag"')
  expect(wrapper.text()).toContain('刚被别人改过')
  expect(name.element.value).toBe('南京西路店')
})

it('says beside the field what the server did not take', async () => {
  const { wrapper } = await mountPage(StoreForm, {
    props: { storeId: '7' },
    answers: {
      ...CATALOG,
      'GET /v1/stores/7': STORE,
      'PATCH /v1/stores/7': refusal(400, 'invalid_input', 'uscc 填写有误', {
        field: 'uscc',
        reason_zh: '不是有效的统一社会信用代码',
      }),
    },
  })
  await wrapper.get('form').trigger('submit')
  await flushPromises()
  expect(wrapper.get('.bad .wrong').text()).toBe('不是有效的统一社会信用代码')
  expect(wrapper.get('.bad input').attributes('aria-invalid')).toBe('true')
})

test('the day cut is a clock, and an unusual one can be kept', () => {
  expect([cutAsClock(0), cutAsClock(245), cutAsClock(1439)]).toEqual(['00:00', '04:05', '23:59'])
  expect(cutChoices(245)).toContain(245)
  expect(cutChoices(240)).toHaveLength(25)
})

test('what is empty is sent as nothing', () => {
  const draft = draftOf(STORE, { timezone: 'UTC', day_cut_minutes: 0 })
  expect(inputOf({ ...draft, legal_entity: '  ' }).legal_entity).toBeNull()
})
