import { flushPromises } from '@vue/test-utils'
import { expect, it, test } from 'vitest'
import { deviceOf, draftOf, inputOf, patchOf, stateOf, wrongWith, type Staff } from './staff'
import StaffNew from './StaffNew.vue'
import StaffPage from './StaffPage.vue'
import { answer, asking } from '@/shared/confirm'
import { mountPage, refusal } from '@/shared/testing/mount'

const LIN: Staff = {
  staff_id: 7,
  login: 'xiaolin',
  name: '小林',
  phone: '138****0000',
  role: 'cashier',
  stores: [2],
  active: true,
  must_change_password: false,
  created_at: '2026-01-01T00:00:00Z',
  last_login_at: null,
  locked_until: null,
}
const ANSWERS = {
  'GET /v1/stores': { items: [], next_cursor: null },
  'GET /v1/regions': { items: [], next_cursor: null },
  'GET /v1/permissions': {
    permissions: [
      { scope: '*', name_zh: '全部权限', name_en: 'Everything' },
      { scope: 'orders:write', name_zh: '完成订单', name_en: 'Complete orders' },
      { scope: 'orders:refund', name_zh: '退款、作废订单', name_en: 'Refund' },
    ],
    roles: [
      { role: 'owner', name_zh: '店主', name_en: 'Owner', permissions: ['*'] },
      { role: 'cashier', name_zh: '收银员', name_en: 'Cashier', permissions: ['orders:write'] },
    ],
  },
}

test('only what changed is sent, and a masked phone is never sent back', () => {
  expect(patchOf(LIN, draftOf(LIN))).toEqual({})
  expect(patchOf(LIN, { ...draftOf(LIN), name: '林小姐', everywhere: true, phone: '13911112222' })).toEqual({
    name: '林小姐',
    stores: null,
    phone: '13911112222',
  })
  expect(inputOf({ ...draftOf(LIN), role: 'owner' }).stores).toBeNull()
  expect(wrongWith({ ...draftOf(null), name: '王', login: '王' }, true)).toEqual(['login_form'])
  expect(wrongWith({ ...draftOf(LIN), stores: [] }, false)).toEqual(['stores'])
})

test('a person is locked only as long as the lock lasts', () => {
  const locked = { ...LIN, locked_until: '2026-03-01T10:00:00Z' }
  expect(stateOf(locked, Date.parse('2026-03-01T09:59:00Z'))).toBe('locked')
  expect(stateOf(locked, Date.parse('2026-03-01T10:01:00Z'))).toBe('active')
  expect(deviceOf('Mozilla/5.0 (iPhone) … Chrome/1 Safari/1 MicroMessenger/8').browser).toBe('WeChat')
})

it('asks once before what was typed is lost', async () => {
  const made = { staff: LIN, one_time_password: 'tea-for-two' }
  const { wrapper, router } = await mountPage(StaffNew, {
    path: '/staff/new',
    answers: { ...ANSWERS, 'POST /v1/staff': made },
  })
  const closing = (): boolean => !dispatchEvent(new Event('beforeunload', { cancelable: true }))
  const leave = async (stays?: boolean): Promise<string> => {
    const gone = router.push('/staff')
    await flushPromises()
    expect(asking.value !== null).toBe(stays !== undefined)
    answer(!stays)
    await gone
    const { path } = router.currentRoute.value
    await router.push('/staff/new')
    return path
  }
  expect([closing(), await leave()]).toEqual([false, '/staff'])
  const [name, login] = wrapper.findAll('input[type=text]')
  await name?.setValue('小林')
  expect([closing(), await leave(true)]).toEqual([true, '/staff/new'])
  await login?.setValue('xiaolin')
  await wrapper.get('form').trigger('submit')
  await flushPromises()
  expect([closing(), await leave()]).toEqual([false, '/staff'])
})

it('says what a role may do, and shows the password once', async () => {
  const { wrapper, calls } = await mountPage(StaffNew, {
    answers: { ...ANSWERS, 'POST /v1/staff': { staff: LIN, one_time_password: 'tea-for-two' } },
  })
  expect(wrapper.get('.held').text()).toContain('收银员可以完成订单')
  expect(wrapper.get('.not').text()).toBe('退款、作废订单')
  await wrapper.get('form').trigger('submit')
  expect(wrapper.findAll('.wrong')).toHaveLength(2)
  const [name, login] = wrapper.findAll('input.el-input__inner')
  await name?.setValue('小林')
  await login?.setValue('xiaolin')
  await wrapper.get('form').trigger('submit')
  await flushPromises()
  expect(calls.find((call) => call.method === 'POST')?.body).toEqual({
    login: 'xiaolin',
    name: '小林',
    phone: null,
    role: 'cashier',
    stores: null,
  })
  expect(wrapper.get<HTMLInputElement>('.secret input').element.value).toBe('tea-for-two')
})

it('says beside the field that a login name is taken', async () => {
  const { wrapper } = await mountPage(StaffNew, {
    answers: { ...ANSWERS, 'POST /v1/staff': refusal(409, 'login_taken', '登录名已被使用') },
  })
  const [name, login] = wrapper.findAll('input.el-input__inner')
  await name?.setValue('小林')
  await login?.setValue('xiaolin')
  await wrapper.get('form').trigger('submit')
  await flushPromises()
  expect(wrapper.get('.bad .wrong').text()).toBe('登录名已被使用')
})

it('changes the person that was read, and keeps what was typed when somebody else was faster', async () => {
  const { wrapper, calls } = await mountPage(StaffPage, {
    props: { staffId: '7' },
    answers: {
      ...ANSWERS,
      'GET /v1/staff/7': LIN,
      'GET /v1/staff/7/sessions': { items: [] },
      'PATCH /v1/staff/7': refusal(412, 'precondition_failed', '内容已被他人修改'),
    },
  })
  const name = wrapper.get<HTMLInputElement>('input.el-input__inner')
  expect(name.element.value).toBe('小林')
  await name.setValue('林小姐')
  await wrapper.get('form').trigger('submit')
  await flushPromises()
  const sent = calls.find((call) => call.method === 'PATCH')
  expect([sent?.headers.get('if-match'), sent?.body]).toEqual(['"tag"', { name: '林小姐' }])
  expect(wrapper.get('[role=alert]').text()).toContain('刚被别人改过')
  expect(name.element.value).toBe('林小姐')
})
