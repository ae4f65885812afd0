import { flushPromises } from '@vue/test-utils'
import { beforeEach, expect, it, test, vi } from 'vitest'
import CashierPage from './CashierPage.vue'
import {
  amountWrong,
  bodyOf,
  emptyBill,
  emptyGoods,
  goodsWrong,
  lineFen,
  makeOrderNo,
  parseQuantity,
  sumTyped,
} from './bill'
import { useSession } from '@/shared/session'
import { answering, mountPage, refusal, tradingIn } from '@/shared/testing/mount'
import { soon } from '@/shared/testing/soon'

const STORE = {
  store_id: 7,
  code: 's1',
  name: '静安店',
  region: null,
  timezone: 'Asia/Shanghai',
  day_cut_minutes: 0,
  legal_entity: null,
  uscc: null,
}
const NOTHING = { items: [], next_cursor: null }
const REASON = {
  rule_id: '1',
  version: 1,
  name: '消费积分',
  unit: 'points',
  code: 'applied',
  amount: 25,
  text_zh: '计分金额 25.80 元，每元 1 积分，得 25 积分',
  text_en: '25.80 yuan count at 1 a yuan: 25 points',
}
const QUOTE = {
  store: 's1',
  business_day: '2026-03-04',
  paid_fen: 2580,
  points: 25,
  growth: 0,
  earned: [{ unit: 'points', amount: 25, expires_at: '2027-02-28T16:00:00Z' }],
  lines: [],
  reasons: [REASON],
  quote: 'token',
  quote_expires_at: '2099-01-01T00:00:00Z',
}
const DONE = { ...QUOTE, order_id: '99', order_no: 'A1', debt_repaid: 0, points_balance: 125 }
const ANSWERS = {
  'GET /v1/stores': { items: [STORE], next_cursor: null },
  'GET /v1/regions': NOTHING,
  'POST /v1/orders/quote': QUOTE,
}

beforeEach(() => sessionStorage.clear())

async function typed(answers: object) {
  const page = await mountPage(CashierPage, { path: '/cashier', answers: { ...ANSWERS, ...answers } })
  await page.wrapper.get('.amount').setValue('2５.80')
  // The quote waits a moment for more typing.
  await soon(() => expect(page.wrapper.text()).toContain('得 25 积分'))
  const orders = () => page.calls.filter((call) => call.method === 'POST' && call.path === '/v1/orders')
  const complete = async (): Promise<void> => {
    await page.wrapper.get('.finish').trigger('click')
    await flushPromises()
  }
  return { ...page, orders, complete }
}

it('sells an amount with the quote that was shown, and the next customer is one key away', async () => {
  const { wrapper, orders, complete } = await typed({ 'POST /v1/orders': DONE })
  expect(wrapper.text()).toContain('有效期至 2027年2月28日')
  await complete()
  expect(orders()).toHaveLength(1)
  expect(orders()[0]?.body).toMatchObject({
    store: 's1',
    amount_fen: 2580,
    member_id: null,
    tenders: [{ kind: 'wechat', amount_fen: 2580 }],
    quote: 'token',
  })
  expect(wrapper.text()).toContain('现在共有 125 积分')
  const next = wrapper.get<HTMLButtonElement>('.next')
  expect(document.activeElement).toBe(next.element)
  await next.trigger('click')
  expect(wrapper.get<HTMLInputElement>('.amount').element.value).toBe('')
})

it('sends the very same again after a lost answer and after a reload', async () => {
  let lost = true
  const answer = (): unknown => {
    if (lost) throw new TypeError('network')
    return DONE
  }
  const { wrapper, orders, complete } = await typed({ 'POST /v1/orders': answer })
  await complete()
  expect(wrapper.text()).toContain('还没有收到答复')
  expect(wrapper.find('.amount').exists()).toBe(false)
  const [first] = orders()
  wrapper.unmount()
  lost = false
  const again = await mountPage(CashierPage, { path: '/cashier', answers: { ...ANSWERS, 'POST /v1/orders': answer } })
  await flushPromises()
  const sent = again.calls.find((call) => call.path === '/v1/orders')
  expect(sent?.body).toEqual(first?.body)
  expect(sent?.headers.get('idempotency-key')).toBe(first?.headers.get('idempotency-key'))
  expect(again.wrapper.text()).toContain('现在共有 125 积分')
  expect(JSON.parse(Object.values(sessionStorage)[0] as string).pending).toBeNull()
})

it('quotes again as soon as the network is back', async () => {
  let away = true
  const { wrapper } = await mountPage(CashierPage, {
    path: '/cashier',
    answers: {
      ...ANSWERS,
      'POST /v1/orders/quote': () =>
        away ? refusal(503, 'unavailable', '连不上')() : ANSWERS['POST /v1/orders/quote'],
    },
  })
  await wrapper.get('.amount').setValue('25.80')
  await vi.waitFor(() => expect(wrapper.text()).toContain('连不上'), 5_000)
  away = false
  dispatchEvent(new Event('online'))
  await vi.waitFor(() => expect(wrapper.text()).toContain('得 25 积分'))
  expect(wrapper.text()).not.toContain('连不上')
})

it('sends nothing more once the till was left', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    let answer: (value: Response) => void = () => undefined
    const held = new Promise<Response>((resolve) => (answer = resolve))
    const { wrapper, calls } = await mountPage(CashierPage, {
      path: '/cashier',
      answers: { ...ANSWERS, 'POST /v1/orders': () => held },
    })
    const orders = () => calls.filter((call) => call.method === 'POST' && call.path === '/v1/orders')
    await wrapper.get('.amount').setValue('5')
    await vi.runAllTimersAsync()
    await wrapper.get('.finish').trigger('click')
    await flushPromises()
    expect(orders()).toHaveLength(1)
    wrapper.unmount()
    answer(refusal(401, 'unauthorized', '请先登录')())
    await vi.runAllTimersAsync()
    expect(orders()).toHaveLength(1)
    // Whoever comes back finds it.
    expect(JSON.parse(Object.values(sessionStorage)[0] as string).pending.tries).toBe(1)
  } finally {
    vi.useRealTimers()
  }
})

it('takes two taps as one', async () => {
  const { wrapper, orders } = await typed({ 'POST /v1/orders': DONE })
  const button = wrapper.get('.finish')
  await Promise.all([button.trigger('click'), button.trigger('click')])
  await flushPromises()
  expect(orders()).toHaveLength(1)
})

it('quotes anew when the quote no longer holds, and keeps what was typed', async () => {
  const { wrapper, complete } = await typed({ 'POST /v1/orders': refusal(409, 'quote_expired', '试算已过期') })
  await complete()
  expect(wrapper.text()).toContain('已重新试算')
  expect(wrapper.get<HTMLInputElement>('.amount').element.value).toBe('2５.80')
})

it('says beside the number that it is taken, and what is missing beside the amount', async () => {
  const { wrapper, complete } = await typed({ 'POST /v1/orders': refusal(409, 'order_exists', '已有此订单号') })
  await complete()
  expect(wrapper.get('.bad .wrong').text()).toBe('已有此订单号')
  await wrapper.get('.amount').setValue('')
  await complete()
  expect(wrapper.get('.bad .wrong').text()).toBe('请填写')
  expect(document.activeElement).toBe(wrapper.get('.amount').element)
})

test('amounts add up, in any width', () => {
  expect([sumTyped('12.5+3'), sumTyped('12.5元'), sumTyped('1+'), sumTyped('abc')]).toEqual([1550, 1250, null, null])
})

test('price times quantity is exact', () => {
  const goods = { ...emptyGoods(1), price: '19.99', quantity: '0.335' }
  expect(lineFen(goods)).toBe(670)
  expect([parseQuantity('2'), parseQuantity('0'), parseQuantity('1.23456')]).toEqual(['2', null, null])
})

test('parts paid another way leave the rest, and more than all is no bill', () => {
  const bill = { ...emptyBill('amount', 'wechat'), amount: '100', parts: [{ kind: 'cash' as const, amount: '30' }] }
  expect(bodyOf(bill, 's1')?.tenders).toEqual([
    { kind: 'wechat', amount_fen: 7000 },
    { kind: 'cash', amount_fen: 3000 },
  ])
  expect(bodyOf({ ...bill, parts: [{ kind: 'cash', amount: '101' }] }, 's1')).toBeNull()
})

test('amounts are whole where the currency has no decimals', async () => {
  answering(tradingIn('JPY'))
  await useSession().load()
  const bill = { ...emptyBill('amount', 'wechat'), amount: '10.5' }
  const goods = { ...emptyGoods(1), price: '1000', quantity: '0.3335' }
  expect([amountWrong(bill), bodyOf(bill, 's1')]).toEqual(['whole', null])
  expect(bodyOf({ ...bill, amount: '1000+200' }, 's1')?.amount_fen).toBe(120_000)
  expect(goodsWrong({ ...goods, price: '10.5' }).price).toBe('whole')
  expect(lineFen(goods)).toBe(33_400)
  expect(lineFen({ ...goods, quantity: '0.333' })).toBe(33_300)
})

it('has no key for decimals where the currency has none, and says so', async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: true }))
  const { wrapper } = await mountPage(CashierPage, { answers: { ...ANSWERS, ...tradingIn('JPY') } })
  await flushPromises()
  expect(wrapper.get('.keys[role=group]').text()).toBe('789456123000+')
  await wrapper.get('.amount').setValue('10.5')
  expect(wrapper.get('.pad .wrong').text()).toBe('请填写整数金额，例如 1000（这个币种没有小数）')
})

test('an order number tells the moment at the store', () => {
  expect(makeOrderNo('Asia/Shanghai', new Date('2026-03-04T04:05:06Z'), () => 0)).toBe('260304-120506-22')
})
