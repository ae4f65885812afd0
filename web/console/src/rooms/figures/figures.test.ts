import { describe, expect, it, test, vi } from 'vitest'
import AudiencePage from './AudiencePage.vue'
import BreakdownPage from './BreakdownPage.vue'
import { rowsOf } from './breakdown'
import CohortsPage from './CohortsPage.vue'
import { averageAfter, newestAgainst } from './cohorts'
import { asksOf, numbersOf, wayBack } from './members'
import MembersPage from './MembersPage.vue'
import { soonest } from './points'
import PointsCharts from './PointsCharts.vue'
import PointsPage from './PointsPage.vue'
import { daysSince, gridOf } from './rfm'
import RfmGrid from './RfmGrid.vue'
import TopPage from './TopPage.vue'
import type { Schemas } from '@/shared/api'
import { mountPage } from '@/shared/testing/mount'

vi.mock('@/shared/ui/BaseChart.vue', () => ({ default: { render: () => null } }))

const ANSWER = {
  currency: 'CNY',
  store: null,
  region: null,
  category: null,
  stores_only: null,
  lag_events: 3,
  lag_seconds: 1.2,
  as_of: '2018-01-05T02:00:00Z',
  period: { from: '2017-12-02', to: '2017-12-31', chosen: 'last_with_data' },
}
const PLACES = {
  'GET /v1/stores': { items: [{ code: 's1', store_id: 1, name: '静安店' }], next_cursor: null },
  'GET /v1/regions': { items: [], next_cursor: null },
}
const row = (key: string, net_fen: number, orders: number): Schemas['BreakdownRow'] => ({
  key,
  name: key,
  orders,
  net_fen,
  net_share_bps: net_fen * 100,
  aov_fen: 1,
  active_members: 1,
  new_members: 0,
  returning_members: 1,
})
const TOTAL: Schemas['Figures'] = {
  orders: 9,
  net_fen: 100,
  aov_fen: 11,
  active_members: 5,
  new_members: 1,
  returning_members: 4,
  returning_share_bps: 8000,
  member_net_fen: 100,
  returning_net_fen: 90,
  repeat_members: 1,
  repeat_share_bps: 2000,
  repeat_day_members: 1,
  repeat_day_share_bps: 2000,
}
const BREAKDOWN: Schemas['Breakdown'] = {
  ...ANSWER,
  period: { ...ANSWER.period, chosen: 'last_with_data' },
  by: 'store',
  adds_up: ['orders', 'net_fen'],
  total: TOTAL,
  rows: [row('a', 60, 5), row('b', 30, 3), row('c', 10, 1)],
}

describe('a breakdown that is cut short', () => {
  it('still adds up to its total', () => {
    const rows = rowsOf(BREAKDOWN, 1)
    expect(rows.map((each) => each.net_share_bps)).toEqual([6000, 4000, 10_000])
    expect(rows.map((each) => [each.kind, each.net_fen, each.orders])).toEqual([
      ['row', 60, 5],
      ['rest', 40, 4],
      ['total', 100, 9],
    ])
  })

  it('does not add orders of categories, which share them', () => {
    const rows = rowsOf({ ...BREAKDOWN, by: 'category', adds_up: ['net_fen'] }, 2)
    expect(rows.map((each) => each.orders)).toEqual([5, 3, null, 9])
  })
})

it('leads from a row to its figures, orders and members, within the cut of the page', async () => {
  const { wrapper } = await mountPage(BreakdownPage, {
    path: '/figures/breakdown?category=%E9%85%92%E6%B0%B4',
    answers: { ...PLACES, 'GET /v1/analytics/breakdown': { ...BREAKDOWN, category: '酒水' } },
  })
  const links = wrapper.findAll('tbody tr:first-child a').map((link) => link.attributes('href'))
  const cut = 'from=2017-12-02&to=2017-12-31&store=a&category=%E9%85%92%E6%B0%B4'
  expect(links).toEqual([
    '/figures?category=%E9%85%92%E6%B0%B4&store=a',
    `/orders?kept=true&${cut}`,
    `/figures/members?figure=active&${cut}`,
    `/figures/members?figure=returning&${cut}`,
  ])
  expect(wrapper.get('tbody tr:last-child').text()).toContain('合计')
  expect(wrapper.text()).toContain('延迟 2 秒，还有 3 笔变动在统计')
})

it('leads from each side of the comparison, and from a product, to the orders that count', async () => {
  const side = { orders: 3, orders_share_bps: 5000, net_fen: 900, net_share_bps: 5000, aov_fen: 300 }
  const sides = { members: side, others: side, has_others: true, aov_ratio_bps: 10_000, notes: [] }
  const sold = { name: '乌龙', category: '茶', orders: 2, net_fen: 100, net_share_bps: 100 }
  const gone = { name: '梅酒', category: '酒', orders: 0, net_fen: -5, net_share_bps: -5 }
  const answers = {
    ...PLACES,
    'GET /v1/analytics/audience': { ...ANSWER, ...sides },
    'GET /v1/analytics/top': { ...ANSWER, of: 'product', net_fen: 900, rows: [sold, gone] },
  }
  const linksOf = (wrapper: { findAll: (at: string) => { attributes: (name: string) => string | undefined }[] }) =>
    wrapper.findAll('tbody a[href^="/orders"]').map((link) => link.attributes('href'))
  const days = 'from=2017-12-02&to=2017-12-31'
  const audience = await mountPage(AudiencePage, { path: '/figures/audience', answers })
  expect(linksOf(audience.wrapper)).toEqual([
    `/orders?kept=true&${days}&buyer=member`,
    `/orders?kept=true&${days}&buyer=anonymous`,
  ])
  const top = await mountPage(TopPage, { path: '/figures/top?of=product', answers })
  expect(linksOf(top.wrapper)).toEqual([`/orders?kept=true&${days}&category=%E8%8C%B6&product=%E4%B9%8C%E9%BE%99`])
})

const cell = (months_later: number, members: number, complete = true): Schemas['CohortCell'] => ({
  months_later,
  members,
  share_bps: 0,
  net_fen: 0,
  complete,
})

test('before there is any trade nobody is sent to look elsewhere', async () => {
  async function said(given: object): Promise<string> {
    const answer = { ...ANSWER, data_from: null, data_to: null, cohorts: [], ...given }
    const answers = { ...PLACES, 'GET /v1/analytics/cohorts': answer }
    return (await mountPage(CohortsPage, { path: '/figures/cohorts', answers })).wrapper.text()
  }
  const period = { from: '2026-01-01', to: '2026-01-30', chosen: 'last_12_months' }
  expect(await said({ period })).toContain('完成第一笔订单')
  expect(await said({ period, store: 's1' })).toContain('这段时间没有数据')
  expect(await said({ period: { ...period, chosen: 'asked' } })).toContain('这段时间没有数据')
})

test('cohorts are spoken of by months that are over', () => {
  const cohorts = [
    { month: '2017-01', members: 100, cells: [cell(0, 100), cell(1, 60)] },
    { month: '2017-02', members: 40, cells: [cell(0, 40), cell(1, 16)] },
    { month: '2017-03', members: 50, cells: [cell(0, 50), cell(1, 1, false)] },
  ]
  expect(averageAfter(cohorts, 1)).toEqual({ members: 140, back: 76, bps: 5429 })
  expect(newestAgainst(cohorts)).toEqual({ month: '2017-02', bps: 4000, beforeBps: 6000 })
  expect(newestAgainst(cohorts.slice(0, 1))).toBeNull()
})

it('leaves the month in which everybody looks new out of what it says of cohorts', async () => {
  const cohorts = [
    { month: '2017-01', members: 100, cells: [cell(0, 100), cell(1, 90)] },
    { month: '2017-02', members: 40, cells: [cell(0, 40), cell(1, 16)] },
    { month: '2017-03', members: 50, cells: [cell(0, 50), cell(1, 1, false)] },
  ]
  async function told(data_from: string | null, shown = cohorts): Promise<string> {
    const answer = { ...ANSWER, data_from, data_to: '2017-04-10', cohorts: shown }
    const answers = { ...PLACES, 'GET /v1/analytics/cohorts': answer }
    return (await mountPage(CohortsPage, { path: '/figures/cohorts', answers })).wrapper.text()
  }
  const text = await told('2017-01-01')
  expect(text).toContain('首购的下个月，40 位里有 16 位又来买过（40.0%）')
  expect(text).toContain('数据从2017年1月开始')
  const later = await told('2016-05-01')
  expect(later).toContain('140 位里有 106 位')
  expect(later).not.toContain('数据从')
  expect(await told('2017-01-01', cohorts.slice(0, 1))).not.toContain('首购的下个月')
})

function cells(): Schemas['RfmCell'][] {
  const down = [5, 4, 3, 2, 1]
  return down.flatMap((r) =>
    down.flatMap((f) =>
      down.map((m) => ({ r, f, m, group: 'value', members: r === 5 && f === 4 ? m : 0, orders: 0, net_fen: m })),
    ),
  )
}

it('reaches each of 125 cells: a square opens its five levels of money', async () => {
  expect(gridOf(cells())[0]?.[3]).toMatchObject({ r: 5, f: 4, members: 15, net_fen: 15 })
  const groups = [{ group: 'value', name_zh: '一般价值客户', name_en: 'x' }]
  const to = (scores: string): string => `/cell/${scores}`
  const { wrapper } = await mountPage(RfmGrid, { props: { grid: gridOf(cells()), groups, to } })
  expect(wrapper.findAll('.scroll button')).toHaveLength(25)
  await wrapper.get('button[aria-label*="R5 F4"]').trigger('click')
  const links = wrapper.findAll('.levels tbody a').map((link) => link.attributes('href'))
  expect(links).toEqual(['/cell/545', '/cell/544', '/cell/543', '/cell/542', '/cell/541'])
})

test('an address asks for what it may, and leads back to where its figure stands', () => {
  const asked = asksOf({
    figure: 'cohort',
    cohort: '2017-02',
    months_later: '3',
    store: 's1',
    region: '',
    junk: 'x',
    days: 'a',
  })
  expect(asked).toEqual({ figure: 'cohort', cohort: '2017-02', months_later: 3, store: 's1', region: '' })
  expect(wayBack(asked)).toBe('/figures/cohorts?store=s1&region=')
  expect(asksOf({ figure: 'nonsense' })).toEqual({ figure: 'active' })
})

it('lists the members behind a cell and says which they are', async () => {
  const member = {
    member_id: '7',
    name: '王*',
    orders: 2,
    net_fen: 40_000,
    first_day: '2017-12-03',
    last_day: '2017-12-28',
  }
  const { wrapper, calls } = await mountPage(MembersPage, {
    path: '/figures/members?figure=rfm&group=key_value&method=quantile&store=s1&from=2017-12-02&to=2017-12-31',
    answers: { ...PLACES, 'GET /v1/analytics/members': { ...ANSWER, members: 1, items: [member], next_cursor: null } },
  })
  expect(calls.find((call) => call.path === '/v1/analytics/members')?.query).toEqual({
    figure: 'rfm',
    group: 'key_value',
    method: 'quantile',
    store: 's1',
    from: '2017-12-02',
    to: '2017-12-31',
    limit: '50',
  })
  expect(wrapper.get('h1').text()).toBe('重要价值客户')
  expect(wrapper.text()).toContain('静安店')
  expect(wrapper.get('tbody a').attributes('href')).toBe('/members/7')
  expect(wrapper.findAll('tbody td').map((each) => each.text())).toContain('¥400.00')
})

it('shows a year of points up to the last data, and says what a store can not be told', async () => {
  const flow = { handed_out: 100, used: null, expired: null, added: null, removed: null, taken_back: 5 }
  const { wrapper, calls } = await mountPage(PointsPage, {
    path: '/figures/points?store=s1',
    answers: {
      ...PLACES,
      'GET /v1/analytics/breakdown': { rows: [] },
      'GET /v1/analytics/points': (call: { query: Record<string, string> }) => ({
        ...ANSWER,
        period: call.query.from ? { from: call.query.from, to: call.query.to, chosen: 'asked' } : ANSWER.period,
        flow,
        outstanding: null,
        breakage: null,
        months: [],
        not_cut: ['used'],
      }),
    },
  })
  const asked = calls.filter((call) => call.path === '/v1/analytics/points').map((call) => call.query)
  expect(asked).toEqual([{ store: 's1' }, { store: 's1', from: '2017-01-01', to: '2017-12-31' }])
  expect(wrapper.text()).toContain('最近没有数据，显示的是最后有数据的一段：2017年1月1日 至 12月31日')
  expect(wrapper.text()).toContain('按门店或区域只能看发放和退款收回')
})

test('what expires next is what people hold, and not what never does', () => {
  expect(soonest([{ month: null, points: 9 }])).toBeNull()
  expect(
    soonest([
      { month: '2027-06', points: 5 },
      { month: '2027-03', points: 2 },
      { month: '2027-01', points: 0 },
    ]),
  ).toEqual({ month: '2027-03', points: 2 })
})

it('leads from points that expire to who holds them now, and not from what is over', async () => {
  const by_expiry = [
    { month: '2017-12', points: 5 },
    { month: '2999-03', points: 7 },
    { month: '2999-04', points: 0 },
    { month: null, points: 9 },
  ]
  const outstanding = { at: '2017-12-31', points: 21, debt: 0, by_expiry }
  const { wrapper } = await mountPage(PointsCharts, { props: { answered: { ...ANSWER, months: [], outstanding } } })
  const links = wrapper.findAll('.ways a').map((link) => [link.text(), link.attributes('href')])
  expect(links).toEqual([
    ['2999年3月', '/figures/members?figure=points_expiring&month=2999-03&from=2017-12-02&to=2017-12-31'],
  ])
})

it('shows the points of who holds them, and says of which days the rest is', async () => {
  const member = { member_id: '7', name: '王*', orders: 0, net_fen: 0, first_day: null, last_day: null, points: 70 }
  const { wrapper, calls } = await mountPage(MembersPage, {
    path: '/figures/members?figure=points_expiring&month=2027-03',
    answers: { ...PLACES, 'GET /v1/analytics/members': { ...ANSWER, members: 1, items: [member], next_cursor: null } },
  })
  expect(calls.find((call) => call.path === '/v1/analytics/members')?.query).toMatchObject({ month: '2027-03' })
  expect(wrapper.get('h1').text()).toBe('有积分在2027年3月到期的会员')
  expect(wrapper.findAll('tbody td').map((each) => each.text())).toContain('70')
  expect(wrapper.text()).toContain('是现在手里的')
  expect(numbersOf({ figure: 'later_day', days: 60 })).toEqual({ word: 'numbers_first', n: 60 })
  expect(numbersOf({ figure: 'cohort' })).toEqual({ word: 'members_lead' })
})

test('how long ago a group came last is told in days', () => {
  const scores = [5, 4, 3, 2, 1].map((score) => ({
    score,
    members: 9,
    least: 10 - 2 * score + 1,
    most: 12 - 2 * score,
  }))
  const scales: Schemas['RfmScale'][] = [{ of: 'recency_days', scores }]
  const some = cells().map((each) => ({
    ...each,
    group: each.r === 3 || each.r === 2 ? 'key_keep' : 'value',
    members: 1,
  }))
  expect(daysSince({ cells: some, scales }, 'key_keep')).toEqual({ least: 5, most: 8 })
  expect(daysSince({ cells: cells(), scales }, 'key_keep')).toBeNull()
})

it('ranks goods that have a name, and tells the rest beside them', async () => {
  const sold = (name: string, net_fen: number): object => ({
    name,
    category: '',
    orders: 2,
    net_fen,
    net_share_bps: net_fen,
  })
  const rows = [sold('', 6000), sold('乌龙', 3000), sold('米酒', 1000)]
  const { wrapper } = await mountPage(TopPage, {
    path: '/figures/top?of=product',
    answers: { ...PLACES, 'GET /v1/analytics/top': { ...ANSWER, of: 'product', net_fen: 10_000, rows } },
  })
  expect(wrapper.findAll('tbody tr').map((each) => each.get('td, th').text())).toEqual(['乌龙', '米酒'])
  expect(wrapper.text()).toContain('另有 ¥60.00（60.0%）是未分商品的收款，不排在里面。')
})

it('shows no empty list while figures are being made', async () => {
  const building = { ...ANSWER, as_of: null, lag_events: 40 }
  const members = { ...building, members: 0, items: [], next_cursor: null }
  const { wrapper } = await mountPage(MembersPage, {
    path: '/figures/members?figure=active',
    answers: { ...PLACES, 'GET /v1/analytics/members': members },
  })
  expect(wrapper.text()).toContain('还有 40 笔变动要统计')
  expect(wrapper.text()).not.toContain('这里没有会员')
  const points = await mountPage(PointsPage, {
    path: '/figures/points?from=2017-01-01&to=2017-12-31',
    answers: {
      ...PLACES,
      'GET /v1/analytics/points': {
        ...building,
        period: { from: '2017-01-01', to: '2017-12-31', chosen: 'asked' },
        flow: { handed_out: 0, used: 0, expired: 0, added: 0, removed: 0, taken_back: 0 },
        outstanding: { day: '2017-12-31', points: 0, by_expiry: [] },
        breakage: null,
        months: [],
        not_cut: [],
      },
    },
  })
  expect(points.wrapper.text()).toContain('还有 40 笔变动要统计')
  expect(points.wrapper.find('.stat').exists()).toBe(false)
})
