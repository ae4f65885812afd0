import { flushPromises } from '@vue/test-utils'
import { expect, it, test, vi } from 'vitest'
import { isWithin, leftOf, lineName, pickedOf, plainQuantity, refundLine, type Order } from './order'
import RefundForm from './RefundForm.vue'
import { answer, asking } from '@/shared/confirm'
import { mountPage, refusal, tradingIn, type Call } from '@/shared/testing/mount'
import { LINE, SUMMARY } from '@/shared/testing/orders'
import { soon } from '@/shared/testing/soon'
import { ofMany, switchLang } from '@/shared/words'

const ORDER: Order = {
  ...SUMMARY,
  lines: [LINE],
  tenders: [{ kind: 'wechat', amount_fen: 2999, refunded_fen: 999 }],
  earned: [],
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
const ANSWERS = { 'GET /v1/orders/9216': ORDER, 'POST /v1/orders/9216/refunds/quote': TOLD }
const PROPS = { orderId: '9216', back: { to: '/cashier/orders', text: '回到本店订单' } }

it('shows what a refund does, then does just that', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const result = { ...TOLD, refund_id: '1', order_id: '9216' }
    const { wrapper, calls } = await mountPage(RefundForm, {
      props: PROPS,
      answers: { ...ANSWERS, 'POST /v1/orders/9216/refunds': result },
    })
    await vi.runAllTimersAsync()
    expect(wrapper.text()).toContain('5 积分记为欠')
    expect(wrapper.text()).toContain('退到微信支付 ¥20.00')
    await wrapper.findAll('input[type=radio]')[1]?.setValue(true)
    const quantity = wrapper.get('.how input')
    expect((quantity.element as HTMLInputElement).value).toBe('2')
    await quantity.setValue('3')
    await vi.runAllTimersAsync()
    expect(wrapper.get('.how [role=alert]').text()).toBe('请填写 2 以内的件数')
    await quantity.setValue('1')
    await vi.runAllTimersAsync()
    const wanted = { lines: [{ line_no: 1, quantity: '1' }] }
    expect(calls.at(-1)?.body).toEqual(wanted)
    await wrapper.get('form').trigger('submit')
    expect(asking.value?.title).toBe('确定退款 ¥20.00？')
    answer(true)
    await flushPromises()
    const sent = calls.find((call) => call.path === '/v1/orders/9216/refunds')
    expect(sent).toMatchObject({ body: { ...wanted, reason: '' } })
    expect(wrapper.get('[role=status]').text()).toContain('不够收回的 5 积分已记为欠')
  } finally {
    vi.useRealTimers()
  }
})

it('says why it can not be refunded', async () => {
  const refused = refusal(409, 'order_not_refundable', '订单已全部退款')
  const { wrapper } = await mountPage(RefundForm, {
    props: PROPS,
    answers: { ...ANSWERS, 'POST /v1/orders/9216/refunds/quote': refused },
  })
  await soon(() => expect(wrapper.text()).toContain('订单已全部退款'))
  const gone = { ...ANSWERS, 'GET /v1/orders/9216': { ...ORDER, status: 'voided' } }
  const over = await mountPage(RefundForm, { props: PROPS, answers: gone })
  expect(over.wrapper.text()).toContain('没有可退的了')
})

test('parts of lines', () => {
  expect([plainQuantity('2.5000'), plainQuantity('10.0000'), plainQuantity('100')]).toEqual(['2.5', '10', '100'])
  expect(leftOf(LINE)).toEqual({ quantity: '2', fen: 2000 })
  expect(refundLine(LINE, pickedOf(ORDER, LINE))).toEqual({ line_no: 1, quantity: '2' })
  expect(refundLine(LINE, { by: 'amount', quantity: '', amount_fen: 500 })).toEqual({ line_no: 1, amount_fen: 500 })
  const within = (quantity: string): boolean => isWithin(LINE, { by: 'quantity', quantity, amount_fen: null })
  expect(['1', '2', '0.5', '2.0001', '0', '-1', 'x', ''].map(within)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ])
})

it('goes on with what is left after a part went back', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    let refunded_fen = 999
    const quotes: unknown[] = []
    const { wrapper, router } = await mountPage(RefundForm, {
      props: PROPS,
      answers: {
        'GET /v1/orders/9216': () => ({ ...ORDER, refunded_fen, lines: [{ ...LINE, refunded_fen }] }),
        'POST /v1/orders/9216/refunds/quote': (call: Call) => {
          quotes.push(call.body)
          return { ...TOLD, amount_fen: 2999 - refunded_fen }
        },
        'POST /v1/orders/9216/refunds': () => {
          refunded_fen = 2000
          return { ...TOLD, amount_fen: 1001, points_balance: 7, refund_id: '1', order_id: '9216' }
        },
      },
    })
    await vi.runAllTimersAsync()
    await wrapper.get('form').trigger('submit')
    answer(true)
    await vi.runAllTimersAsync()
    const done = wrapper.get('[role=status]')
    expect(done.text()).toContain('钱还没有动')
    expect(done.text()).toContain('收回 20 积分，会员现在有 7 积分')
    expect(done.text()).toContain('退到微信支付 ¥20.00')
    await done.findAll('button')[1]?.trigger('click')
    await vi.runAllTimersAsync()
    // What it comes to now, not what it came to before.
    expect(wrapper.get('button[type=submit]').text()).toBe('退款 ¥9.99')
    expect(quotes).toEqual([{}, {}])
    expect(router.currentRoute.value.path).toBe('/')
  } finally {
    vi.useRealTimers()
  }
})

test('names of lines', () => {
  const bare = { ...LINE, sku: '', product: '', category: '' }
  const named = [
    LINE,
    { ...bare, line_no: 2, category: '面包' },
    { ...bare, line_no: 3, sku: 'x' },
    { ...bare, line_no: 4 },
  ]
  const order = { ...ORDER, lines: named }
  expect([1, 2, 3, 4, 5].map((no) => lineName(order, no))).toEqual(['鲜牛奶', '面包', '货号 x', '第 4 行', '第 5 行'])
  const amount = { ...ORDER, lines: [bare] }
  // Nobody gives back half a piece of an amount.
  expect([lineName(amount, 1), pickedOf(amount, bare).by, pickedOf(order, LINE).by]).toEqual([
    '消费金额',
    'amount',
    'quantity',
  ])
})

it('refunds whole amounts only where the currency has no decimals', async () => {
  const order = { ...ORDER, lines: [{ ...LINE, paid_fen: 100_000, refunded_fen: 0 }] }
  const answers = { ...ANSWERS, 'GET /v1/orders/9216': order, ...tradingIn('JPY') }
  const { wrapper } = await mountPage(RefundForm, { props: PROPS, answers })
  await flushPromises()
  await wrapper.findAll('input[type=radio]')[1]?.setValue(true)
  await wrapper.get('.how select').setValue('amount')
  const amount = wrapper.get('.how input')
  expect((amount.element as HTMLInputElement).value).toBe('1000')
  await amount.setValue('10.5')
  expect(wrapper.get('.how [role=alert]').text()).toBe('请填写 ¥1,000 以内的整数金额')
  await amount.setValue('10')
  expect(wrapper.find('.how [role=alert]').exists()).toBe(false)
})

it('counts one as one in English', async () => {
  switchLang('en')
  const one = { ...TOLD, points_taken: 1, points_debt: 1, refund_id: '1', order_id: '9216' }
  const told = { ...ANSWERS, 'POST /v1/orders/9216/refunds/quote': one, 'POST /v1/orders/9216/refunds': one }
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const { wrapper } = await mountPage(RefundForm, { props: PROPS, answers: told })
  await vi.runAllTimersAsync()
  vi.useRealTimers()
  await wrapper.get('form').trigger('submit')
  expect(asking.value?.text).toContain('; 1 point will be taken back.')
  answer(true)
  await flushPromises()
  expect(wrapper.get('[role=status]').text()).toContain('1 point taken back, the member')
  expect(wrapper.get('[role=status]').text()).toContain('owed now: 1 point.')
  expect([ofMany('points', '+1'), ofMany('points', 0), ofMany('points', '11')]).toEqual(['point', 'points', 'points'])
})
