import { flushPromises } from '@vue/test-utils'
import { expect, it, test, vi } from 'vitest'
import AdjustDialog from './AdjustDialog.vue'
import EditDialog from './EditDialog.vue'
import { adjusted, emptyJoin, endOfDay, joinFaults, joinInput, tagsOf } from './member'
import MemberCard from './MemberCard.vue'
import MemberDetail from './MemberDetail.vue'
import MemberJoin from './MemberJoin.vue'
import MemberList from './MemberList.vue'
import { answer, asking } from '@/shared/confirm'
import { mountPage, refusal, SESSION, type Call } from '@/shared/testing/mount'

const MEMBER = {
  member_id: '2048',
  status: 'active',
  name: '张**',
  birthday: '****-03-15',
  identities: [{ kind: 'phone', value: '138****1234' }],
  source: { store_id: 7, staff: null, channel: 'qr', campaign: null },
  registered_at: '2026-03-01T02:00:00Z',
  joined_at: '2026-03-01T02:00:00Z',
  consent_version: '2026-01',
  consent_at: '2026-03-01T02:00:00Z',
  tags: ['老客'],
  version: '5e1f0c9a3b7d2846',
}
const page = (...items: unknown[]): unknown => ({ items, next_cursor: null })
const STORE = { store_id: 7, code: 's1', name: '静安店', region: null }
const CATALOG = { 'GET /v1/stores': page(STORE), 'GET /v1/regions': page() }
const HELD = { member_id: '2048', points: { available: 50, debt: 20 }, growth: { available: 5, debt: 0 } }
const STANDING = {
  member_id: '2048',
  registered_at: MEMBER.registered_at,
  orders: 3,
  net_fen: 8001,
  aov_fen: 2667,
  first_day: '2026-03-01',
  last_day: '2026-03-11',
  last_store_id: 7,
  usual_store_id: 7,
  days_between: 5,
  categories: [{ category: '乳品', orders: 2, net_fen: 1500 }],
}
const ORDERED = {
  at: '2026-03-11T04:00:00Z',
  kind: 'order',
  order_id: '9216',
  order_no: 'A1',
  store_id: 7,
  status: 'completed',
  amount_fen: 4500,
  points: 45,
}
const DETAIL = {
  ...CATALOG,
  'GET /v1/members/2048': MEMBER,
  'GET /v1/members/2048/points': HELD,
  'GET /v1/members/2048/standing': STANDING,
  'GET /v1/members/2048/identities': page({ ...MEMBER.identities[0], identity_id: 'i1' }),
  'GET /v1/members/2048/timeline': { items: [ORDERED], kinds: ['order'], next_cursor: null },
}

it('lists members, and finds by whatever is typed without putting it into the address', async () => {
  const search = (call: Call): unknown => page(...('name' in (call.body as object) ? [MEMBER] : []))
  const { wrapper, router, calls } = await mountPage(MemberList, {
    answers: { ...CATALOG, 'GET /v1/members': page(MEMBER), 'POST /v1/members/search': search },
  })
  expect(wrapper.get('tbody a').attributes('href')).toBe('/members/2048')
  calls.length = 0
  await wrapper.get('input').setValue('小明')
  await wrapper.get('form').trigger('submit')
  await flushPromises()
  expect(calls.map((call) => call.body)).toEqual([{ limit: 50, name: '小明' }])
  expect(wrapper.text()).toContain('找到 1 位')
  expect(router.currentRoute.value.fullPath).toBe('/')
  await wrapper.get('form').trigger('submit')
  await flushPromises()
  expect(router.currentRoute.value.path).toBe('/members/2048')
})

it('says that nobody was found', async () => {
  const { wrapper } = await mountPage(MemberList, {
    answers: { ...CATALOG, 'GET /v1/members': page(), 'POST /v1/members/search': page() },
  })
  expect(wrapper.text()).toContain('还没有会员')
  expect(wrapper.findAll('.empty button').map((each) => each.text())).toEqual(['导入会员', '新建会员'])
  await wrapper.get('input').setValue('1234')
  await wrapper.get('form').trigger('submit')
  await flushPromises()
  expect(wrapper.text()).toContain('没有找到这位会员')
})

it('collects nothing personal without consent, and tells what each field is for', async () => {
  const { wrapper, calls, router } = await mountPage(MemberJoin, {
    answers: { ...CATALOG, 'POST /v1/members': { ...MEMBER } },
  })
  expect(wrapper.text()).toContain('用来在收银时找到会员')
  await wrapper.get('form').trigger('submit')
  expect(wrapper.text()).toContain('请至少填一项')
  await wrapper.get('input[inputmode=tel]').setValue('13800001234')
  await wrapper.get('form').trigger('submit')
  expect(wrapper.text()).toContain('请先得到顾客同意')
  expect(calls.some((call) => call.method === 'POST')).toBe(false)
  await wrapper.get('input[type=checkbox]').setValue(true)
  await wrapper.findAll('input').at(-1)?.setValue('2026-01')
  await wrapper.get('form').trigger('submit')
  await flushPromises()
  const sent = calls.find((call) => call.method === 'POST')?.body
  expect(sent).toMatchObject({
    identities: [{ kind: 'phone', value: '13800001234' }],
    name: null,
    source: { store_id: 7, channel: 'store' },
    consent_version: '2026-01',
  })
  expect(router.currentRoute.value.path).toBe('/members/2048')
})

it('leads to the member who has that number already', async () => {
  const taken = refusal(409, 'identity_taken', '手机号已属于会员 2048', { kind: 'card_no', member_id: '2048' })
  const { wrapper } = await mountPage(MemberJoin, { answers: { ...CATALOG, 'POST /v1/members': taken } })
  await wrapper.findAll('input')[1]?.setValue('C-1')
  await wrapper.get('form').trigger('submit')
  await flushPromises()
  expect(wrapper.get('.known a').attributes('href')).toBe('/members/2048')
  expect(wrapper.get('.bad .wrong').text()).toBe('已经是会员了')
})

it('shows a member at a glance, and what happened', async () => {
  const { wrapper } = await mountPage(MemberDetail, { props: { memberId: '2048' }, answers: DETAIL })
  const text = wrapper.text()
  for (const part of ['欠 20 积分', '¥80.01', '3 单，每单 ¥26.67', '平均 5 天来一次', '常买：乳品']) {
    expect(text).toContain(part)
  }
  expect(wrapper.get('li.order a').text()).toBe('消费 ¥45.00')
  expect(wrapper.get('li.order a').attributes('href')).toBe('/orders/9216')
  expect(wrapper.get('li.order').text()).toContain('+45 积分')
})

it('tells a return as one, not as a purchase', async () => {
  const returned = { ...ORDERED, status: 'returned', amount_fen: -1290, points: 0 }
  const { wrapper } = await mountPage(MemberDetail, {
    props: { memberId: '2048' },
    answers: { ...DETAIL, 'GET /v1/members/2048/timeline': { items: [returned], kinds: ['order'], next_cursor: null } },
  })
  await flushPromises()
  expect(wrapper.get('li.order').text()).toMatch(/^退货 -¥12.90/)
})

it('tells who works in some stores that only those are told of', async () => {
  const none = { ...STANDING, orders: 0, net_fen: 0, aov_fen: 0, first_day: null, last_day: null, last_store_id: null }
  const { wrapper } = await mountPage(MemberDetail, {
    props: { memberId: '2048' },
    answers: {
      ...DETAIL,
      'GET /v1/members/2048/standing': none,
      'GET /v1/session': { ...SESSION, staff: { ...SESSION.staff, role: 'cashier', stores: [8] } },
    },
  })
  expect(wrapper.text()).toContain('在你的门店还没有订单')
  expect(wrapper.text()).toContain('最近到你的门店')
  expect(wrapper.text()).not.toContain('累计消费')
})

it('asks for nothing that the person may not see, and says so', async () => {
  const { wrapper, calls } = await mountPage(MemberDetail, {
    props: { memberId: '2048' },
    permissions: ['members:read'],
    answers: DETAIL,
  })
  expect(calls.map((call) => call.path)).not.toContain('/v1/members/2048/points')
  expect(calls.map((call) => call.path)).not.toContain('/v1/members/2048/standing')
  expect(wrapper.text()).toContain('没有列出订单和退款、积分变动')
  expect(wrapper.text()).not.toContain('调整积分')
  expect(wrapper.text()).not.toContain('查看完整信息')
})

it('removes a number only after asking', async () => {
  const { wrapper, calls } = await mountPage(MemberCard, {
    props: { member: MEMBER },
    answers: { ...DETAIL, 'DELETE /v1/members/2048/identities/i1': MEMBER },
  })
  await wrapper.findAll('.act')[1]?.trigger('click')
  expect(asking.value?.title).toBe('移除手机号 138****1234?')
  expect(calls.some((call) => call.method === 'DELETE')).toBe(false)
  answer(true)
  await flushPromises()
  expect(calls.find((call) => call.method === 'DELETE')?.headers.get('idempotency-key')).toMatch(/^[0-9a-f-]{36}$/)
  expect(wrapper.emitted('changed')).toHaveLength(1)
})

/** Dialogs stand in the body, not in the page. */
function inDialog(): {
  dialog: Element
  type: (place: number, text: string) => Promise<void>
  submit: () => Promise<void>
} {
  const dialog = document.querySelector('.el-dialog') ?? document.body
  const fields = [...dialog.querySelectorAll<HTMLInputElement>('.el-input__inner')]
  return {
    dialog,
    type: async (place, text) => {
      const field = fields[place]
      if (field) field.value = text
      field?.dispatchEvent(new Event('input'))
      await flushPromises()
    },
    submit: async () => {
      dialog.querySelector('form')?.dispatchEvent(new Event('submit'))
      await flushPromises()
    },
  }
}

it('tells the balance after an adjustment before it is confirmed', async () => {
  const done = { unit: 'points', amount: 30, balance: 60, debt: 0, repaid: 20 }
  const { wrapper, calls } = await mountPage(AdjustDialog, {
    props: { memberId: '2048', held: HELD },
    answers: { 'POST /v1/members/2048/points/adjustments': done },
  })
  const { dialog, type, submit } = inDialog()
  await type(0, '30')
  expect(dialog.textContent).toContain('其中 20 先还所欠')
  await type(1, '补登')
  await submit()
  expect(asking.value?.text).toContain('从 50 变为 60')
  expect(calls).toHaveLength(0)
  answer(true)
  await flushPromises()
  expect(calls[0]?.body).toEqual({ unit: 'points', amount: 30, reason: '补登' })
  expect(wrapper.emitted('done')).toHaveLength(1)
})

it('keeps what was typed when somebody else changed the member, and takes the newest tag', async () => {
  const stale = refusal(412, 'precondition_failed', '内容已被他人修改')
  const { wrapper, calls } = await mountPage(EditDialog, {
    props: { member: MEMBER, tag: '"one"' },
    answers: { 'PATCH /v1/members/2048': stale },
  })
  const { dialog, submit } = inDialog()
  await submit()
  expect(calls[0]?.headers.get('if-match')).toBe('"one"')
  expect(calls[0]?.body).toEqual({ tags: ['老客'] })
  expect(dialog.textContent).toContain('刚被别人改过')
  expect(wrapper.emitted('stale')).toHaveLength(1)
})

test('what a form sends', () => {
  const draft = { ...emptyJoin(''), card_no: ' C1 ', birthday: '' }
  expect(joinFaults(draft)).toEqual([])
  expect(joinInput(draft, null, 'now')).toEqual({
    identities: [{ kind: 'card_no', value: 'C1' }],
    name: null,
    birthday: null,
    source: { store_id: null, channel: 'store' },
  })
  expect(joinFaults({ ...draft, name: '王' })).toEqual(['consent_missing'])
  expect(joinFaults({ ...draft, agreed: true })).toEqual(['version_missing'])
  expect(tagsOf('老客, 新客，老客、 ')).toEqual(['老客', '新客'])
})

test('an adjustment repays first, and a day ends at its place', () => {
  expect(adjusted({ available: 0, debt: 50 }, 30)).toEqual({ after: 0, repaid: 30 })
  expect(adjusted({ available: 40, debt: 0 }, -50)).toEqual({ after: -10, repaid: 0 })
  expect(endOfDay('2026-12-31', 'Asia/Shanghai')).toBe('2026-12-31T16:00:00.000Z')
  // The clock goes forward in that night.
  expect(endOfDay('2026-03-07', 'America/New_York')).toBe('2026-03-08T05:00:00.000Z')
  expect(endOfDay('2026-03-08', 'America/New_York')).toBe('2026-03-09T04:00:00.000Z')
})

it('knows a version of the terms where a shop has none of its own', async () => {
  vi.useFakeTimers({ now: new Date('2026-03-04T04:00:00Z'), toFake: ['Date'] })
  const { wrapper } = await mountPage(MemberJoin, { answers: CATALOG })
  vi.useRealTimers()
  await wrapper.get('input[inputmode=tel]').setValue('13800000000')
  const version = wrapper.findAll('.field').find((field) => field.text().includes('章程版本'))
  expect(version?.get('input').element.value).toBe('2026-03')
  expect(version?.text()).toContain('写开始使用的年月')
})
