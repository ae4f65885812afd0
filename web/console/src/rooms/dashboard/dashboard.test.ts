import { flushPromises } from '@vue/test-utils'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import DashboardPage from './DashboardPage.vue'
import { mountPage, refusal, type Answers } from '@/shared/testing/mount'

// Figures are looked at here; the test's browser has no canvas to draw a chart on.
vi.mock('@/shared/ui/BaseChart.vue', () => ({ default: { render: () => null } }))

const ANSWER = {
  currency: 'CNY',
  store: null,
  region: null,
  category: null,
  stores_only: null,
  lag_events: 0,
  lag_seconds: 0,
  as_of: '2018-01-05T02:00:00Z',
  period: { from: '2017-12-02', to: '2017-12-31', chosen: 'last_with_data' },
}
const figures = (orders: number, net_fen: number): object => ({
  orders,
  net_fen,
  aov_fen: orders ? net_fen / orders : null,
  active_members: orders ? 30 : 0,
  new_members: orders ? 2 : 0,
  returning_members: orders ? 28 : 0,
  returning_share_bps: orders ? 9333 : null,
  member_net_fen: net_fen,
  returning_net_fen: net_fen,
  repeat_members: orders ? 20 : 0,
  repeat_share_bps: orders ? 6667 : null,
  repeat_day_members: orders ? 18 : 0,
  repeat_day_share_bps: orders ? 6000 : null,
})
const overview = (orders: number, net_fen: number, more: object = {}): object => ({
  ...ANSWER,
  figures: figures(orders, net_fen),
  previous: { from: '2017-11-02', to: '2017-12-01', figures: figures(80, 80_000) },
  ...more,
})
const flow = { handed_out: 1000, used: 250, expired: 0, added: 0, removed: 0, taken_back: 0 }
const ANSWERS: Answers = {
  'GET /v1/stores': { items: [], next_cursor: null },
  'GET /v1/regions': { items: [], next_cursor: null },
  'GET /v1/analytics/overview': overview(100, 100_000),
  'GET /v1/analytics/trend': { ...ANSWER, grain: 'day', buckets: [] },
  'GET /v1/analytics/top': { ...ANSWER, of: 'category', net_fen: 9, rows: [] },
  'GET /v1/analytics/points': { ...ANSWER, flow, months: [], outstanding: null, breakage: null, not_cut: [] },
  'GET /v1/analytics/cohorts': { ...ANSWER, data_from: null, data_to: null, cohorts: [] },
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterEach(() => {
  vi.useRealTimers()
})

it('shows who returns and what is kept first, from which days, and how late', async () => {
  const { wrapper } = await mountPage(DashboardPage, { path: '/dashboard', answers: ANSWERS })
  const cards = wrapper.findAll('.stat')
  expect(cards.map((card) => card.get('.label span').text())).toEqual([
    '活跃会员',
    '老会员占比',
    '复购率',
    '净销售额',
    '客单价',
  ])
  expect(wrapper.text()).toContain('显示的是最后有数据的一段：2017年12月2日 至 12月31日')
  expect(wrapper.text()).toContain('数据截至 2018-01-05 10:00:00，延迟 0 秒')
  expect(wrapper.text()).toContain('净销售额比上一段多 ¥200.00（+25.0%），主要因为订单多了 25.0%。')
  expect(wrapper.text()).toContain('每发 100 分，用掉 25 分')
  // 93.33 % before and now: a share moves by points.
  expect(cards[1]?.get('.change').text()).toContain('0.0 个百分点')
  expect(cards[1]?.get('.value a').attributes('href')).toBe(
    '/figures/members?figure=returning&from=2017-12-02&to=2017-12-31',
  )
})

it('asks one answer again by itself, and the rest when its figures have changed', async () => {
  let orders = 100
  const answers = { ...ANSWERS, 'GET /v1/analytics/overview': () => overview(orders, orders * 1000) }
  const { wrapper, calls } = await mountPage(DashboardPage, { path: '/dashboard', answers })
  const asked = (name: string): number => calls.filter((call) => call.path.endsWith(name)).length
  vi.advanceTimersByTime(3000)
  await flushPromises()
  expect([asked('/overview'), asked('/trend'), asked('/top')]).toEqual([2, 1, 1])
  orders = 101
  vi.advanceTimersByTime(3000)
  await flushPromises()
  expect([asked('/overview'), asked('/trend'), asked('/top')]).toEqual([3, 2, 2])
  expect(wrapper.text()).toContain('¥1,010.00')
})

it('tells a merchant without data what to do next, and what is done', async () => {
  const nothing = { items: [], next_cursor: null }
  const { wrapper } = await mountPage(DashboardPage, {
    path: '/dashboard',
    answers: {
      ...ANSWERS,
      'GET /v1/analytics/overview': overview(0, 0, {
        period: { ...ANSWER.period, chosen: 'last_30_days' },
        as_of: null,
      }),
      'GET /v1/stores': { items: [{ code: 's1', store_id: 1 }], next_cursor: null },
      'GET /v1/earning-rules': nothing,
      'GET /v1/members': nothing,
      'GET /v1/orders': nothing,
      'GET /v1/staff': { items: [{ staff_id: 1 }], next_cursor: null },
      'GET /v1/api-keys': nothing,
    },
  })
  const steps = wrapper.findAll('ol li')
  expect(steps.map((step) => [step.get('a').attributes('href'), step.classes('done')])).toEqual([
    ['/stores/new', true],
    ['/rules', false],
    ['/imports', false],
    ['/imports', false],
    ['/staff', false],
    ['/keys', false],
  ])
  expect(wrapper.text()).toContain('已完成 1 / 6')
  expect(wrapper.find('.stat').exists()).toBe(false)
})

it('does not take a shop for new whose figures are being made, and shows them when they are', async () => {
  const period = { ...ANSWER.period, chosen: 'last_30_days' }
  let left = 500
  const answers = {
    ...ANSWERS,
    'GET /v1/analytics/overview': () =>
      left ? overview(0, 0, { period, as_of: null, lag_events: left }) : overview(100, 100_000),
  }
  const { wrapper } = await mountPage(DashboardPage, { path: '/dashboard', answers })
  expect(wrapper.text()).toContain('还有 500 笔变动要统计')
  expect(wrapper.text()).not.toContain('开始使用')
  left = 0
  vi.advanceTimersByTime(3000)
  await flushPromises()
  expect(wrapper.findAll('.stat')).toHaveLength(5)
})

it('says what is wrong, and says why nothing leads behind the figures', async () => {
  const broken = { ...ANSWERS, 'GET /v1/analytics/overview': refusal(500, 'internal_error', '系统出错，已记录') }
  const first = await mountPage(DashboardPage, { path: '/dashboard', answers: broken })
  expect(first.wrapper.get('[role=alert]').text()).toContain('系统出错，已记录')
  const reader = await mountPage(DashboardPage, {
    path: '/dashboard',
    answers: ANSWERS,
    permissions: ['analytics:read'],
  })
  expect(reader.wrapper.find('.stat .value a').exists()).toBe(false)
  expect(reader.wrapper.text()).toContain('没有“查看会员”的权限')
})

it('draws no arrow against a period with hardly an order', async () => {
  const thin = { from: '2017-11-02', to: '2017-12-01', figures: figures(9, 9000) }
  const { wrapper } = await mountPage(DashboardPage, {
    path: '/dashboard',
    answers: { ...ANSWERS, 'GET /v1/analytics/overview': overview(100, 100_000, { previous: thin }) },
  })
  expect(wrapper.findAll('.stat .change').map((each) => each.text())).toEqual(Array(5).fill('上一段只有 9 单，不比较'))
  expect(wrapper.text()).toContain('上一段没有可比的数据')
})

it('leaves sales without a category out of the best sellers, and says that points are still counted', async () => {
  const sold = (name: string, net_fen: number): object => ({
    name,
    category: name,
    orders: 1,
    net_fen,
    net_share_bps: 1,
  })
  const { wrapper } = await mountPage(DashboardPage, {
    path: '/dashboard',
    answers: {
      ...ANSWERS,
      'GET /v1/analytics/top': { ...ANSWER, of: 'category', net_fen: 9, rows: [sold('', 6), sold('茶', 3)] },
      'GET /v1/analytics/points': {
        ...ANSWER,
        as_of: null,
        lag_events: 7,
        flow: { ...flow, handed_out: 0 },
        months: [],
        outstanding: null,
        breakage: null,
        not_cut: [],
      },
    },
  })
  expect(wrapper.findAll('li .line > a').map((link) => link.text())).toEqual(['茶'])
  expect(wrapper.text()).toContain('正在统计，还有 7 笔变动')
  expect(wrapper.text()).not.toContain('没有发放积分')
})
