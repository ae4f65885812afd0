import { flushPromises } from '@vue/test-utils'
import { expect, it } from 'vitest'
import OrderDetail from './OrderDetail.vue'
import OrderList from './OrderList.vue'
import { answer, asking } from '@/shared/confirm'
import { mountPage } from '@/shared/testing/mount'
import { LINE, SUMMARY } from '@/shared/testing/orders'

const page = (...items: unknown[]): unknown => ({ items, next_cursor: null })
const ORDER = {
  ...SUMMARY,
  lines: [LINE],
  tenders: [{ kind: 'wechat', amount_fen: 2999, refunded_fen: 999 }],
  earned: [
    {
      unit: 'points',
      amount: 29,
      reversed: 9,
      rules: [
        { rule_id: '1', version: 1, amount: 29, name: '每元一分', text_zh: '每元 1 积分，得 29 积分', text_en: '' },
      ],
    },
  ],
  refunds: [],
}
const TOLD = {
  status: 'refunded',
  amount_fen: 2000,
  points_taken: 20,
  growth_taken: 0,
  points_debt: 5,
  growth_debt: 0,
  points_balance: 0,
  lines: [],
  tenders: [{ kind: 'wechat', amount_fen: 2000 }],
}
const MEMBER = { member_id: '2048', name: '张**', identities: [{ kind: 'phone', value: '138****1234' }] }
const ANSWERS = {
  'GET /v1/stores': page({ store_id: 7, code: 's1', name: '静安店' }),
  'GET /v1/regions': page(),
  'GET /v1/analytics/top': { rows: [{ name: '乳品' }] },
  'GET /v1/orders': page(SUMMARY),
  'GET /v1/orders/9216': ORDER,
  'GET /v1/members/2048': MEMBER,
  'POST /v1/orders/9216/refunds/quote': TOLD,
}

it('asks for what stands in the address', async () => {
  const { wrapper, calls } = await mountPage(OrderList, {
    path: '/orders?from=2026-03-01&to=2026-03-31&store=s1&region=&category=乳品&status=refunded&member=2048&no=A1',
    answers: ANSWERS,
  })
  expect(calls.find((call) => call.path === '/v1/orders')?.query).toEqual({
    from: '2026-03-01',
    to: '2026-03-31',
    store: 's1',
    region: '',
    category: '乳品',
    status: 'refunded',
    member_id: '2048',
    order_no: 'A1',
    limit: '50',
  })
  expect(wrapper.text()).toContain('会员：张**')
  expect(wrapper.text()).toContain('不属于任何区域')
  expect(wrapper.get('tbody a').attributes('href')).toBe('/orders/9216')
})

it('lists what a figure counts, and says so', async () => {
  const { wrapper, calls, router } = await mountPage(OrderList, {
    path: '/orders?kept=true&buyer=anonymous&product=乌龙&category=',
    answers: ANSWERS,
  })
  expect(calls.find((call) => call.path === '/v1/orders')?.query).toEqual({
    kept: 'true',
    buyer: 'anonymous',
    product: '乌龙',
    category: '',
    limit: '50',
  })
  const chips = wrapper.findAll('.chip').map((chip) => chip.text())
  expect(chips).toEqual(['只看指标计入的（未退完、未作废）', '散客的订单', '商品：乌龙', '品类：没有品类'])
  await wrapper.get('.chip button').trigger('click')
  await flushPromises()
  expect(router.currentRoute.value.query).toEqual({ buyer: 'anonymous', product: '乌龙', category: '' })
})

it('begins with all time and drops a filter', async () => {
  const { wrapper, calls, router } = await mountPage(OrderList, { path: '/orders?member=2048', answers: ANSWERS })
  expect(wrapper.text()).toContain('全部时间')
  calls.length = 0
  await wrapper.get('.chip button').trigger('click')
  await flushPromises()
  expect(router.currentRoute.value.query).toEqual({})
  expect(calls.find((call) => call.path === '/v1/orders')?.query).toEqual({ limit: '50' })
})

it('tells in which time zone its times are', async () => {
  const { wrapper } = await mountPage(OrderList, { answers: ANSWERS })
  expect(wrapper.get('.zone').text()).toBe('时间按 中国标准时间（上海，UTC+8）')
})

it('says that nothing meets the filters, and that there is nothing yet', async () => {
  const answers = { ...ANSWERS, 'GET /v1/orders': page() }
  expect((await mountPage(OrderList, { path: '/orders?no=X', answers })).wrapper.text()).toContain('没有符合条件的订单')
  const { wrapper, router } = await mountPage(OrderList, { path: '/orders', answers })
  expect(wrapper.text()).toContain('还没有订单')
  await wrapper.get('.empty button').trigger('click')
  await flushPromises()
  expect(router.currentRoute.value.fullPath).toBe('/imports/new')
  const looking = await mountPage(OrderList, { path: '/orders', answers, permissions: ['orders:read'] })
  expect(looking.wrapper.find('.empty button').exists()).toBe(false)
})

it('tells why an order earned what it earned', async () => {
  const { wrapper } = await mountPage(OrderDetail, { props: { orderId: '9216' }, answers: ANSWERS })
  expect(wrapper.text()).toContain('“每元一分”：每元 1 积分，得 29 积分')
  expect(wrapper.text()).toContain('其中 9 已因退款收回')
  expect(wrapper.get('.whose').attributes('href')).toBe('/members/2048')
})

it('offers neither refund nor void to who may not', async () => {
  const { wrapper } = await mountPage(OrderDetail, {
    props: { orderId: '9216' },
    permissions: ['orders:read'],
    answers: ANSWERS,
  })
  expect(wrapper.findAll('header button')).toHaveLength(0)
})

it('voids only after telling what that does', async () => {
  const { wrapper, calls } = await mountPage(OrderDetail, {
    props: { orderId: '9216' },
    answers: { ...ANSWERS, 'POST /v1/orders/9216/void': TOLD },
  })
  await wrapper.get('header button').trigger('click')
  await flushPromises()
  expect(asking.value?.text).toBe('退回 ¥20.00，收回 20 积分，其中 5 积分会员已经用掉，记为欠。作废后不能恢复。')
  answer(false)
  await flushPromises()
  expect(calls.some((call) => call.path.endsWith('/void'))).toBe(false)
})

it('names what was sold for an amount alone, also where it went back, and says where it came from', async () => {
  const bare = { ...LINE, sku: null, product: '', category: '' }
  const refund = {
    refund_id: '1',
    void: true,
    amount_fen: 2999,
    refunded_at: '2026-03-11T05:00:00Z',
    reason: '',
    tenders: [{ kind: 'wechat', amount_fen: 2999 }],
    lines: [{ line_no: 1, quantity: '3.0000', amount_fen: 2999, points_taken: 0, growth_taken: 0 }],
  }
  const order = { ...ORDER, source: 'cashier', lines: [bare], refunds: [refund] }
  const { wrapper } = await mountPage(OrderDetail, {
    props: { orderId: '9216' },
    answers: { ...ANSWERS, 'GET /v1/orders/9216': order },
  })
  const refunds = wrapper.get('.refunds').text()
  expect(refunds).toContain('消费金额')
  expect(refunds).not.toContain('第 1 行')
  expect(wrapper.text()).toContain('收银台')
  expect(wrapper.text()).not.toContain('cashier')
})
