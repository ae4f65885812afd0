import { flushPromises } from '@vue/test-utils'
import { describe, expect, it, test, vi } from 'vitest'
import { defineComponent, h, reactive } from 'vue'
import { useBehind } from './behind'
import { useCut, type CutChoice } from './cut'
import CutBar from './CutBar.vue'
import HeatGrid from './HeatGrid.vue'
import { useLive } from './live'
import { grainFor } from './measures'
import { driverOf, leanOf } from './story'
import type { Schemas } from '@/shared/api'
import { mountPage } from '@/shared/testing/mount'

const NOW: Schemas['Figures'] = {
  orders: 110,
  net_fen: 110_000,
  aov_fen: 1000,
  active_members: 50,
  new_members: 2,
  returning_members: 48,
  returning_share_bps: 9600,
  member_net_fen: 110_000,
  returning_net_fen: 100_000,
  repeat_members: 30,
  repeat_share_bps: 6000,
  repeat_day_members: 28,
  repeat_day_share_bps: 5600,
}

describe('what net sales moved by', () => {
  test.each([
    [
      { orders: 100, net_fen: 100_000 },
      { way: 'up', by: 'orders' },
    ],
    [
      { orders: 109, net_fen: 100_000 },
      { way: 'up', by: 'aov' },
    ],
    [
      { orders: 220, net_fen: 200_000 },
      { way: 'down', by: 'orders' },
    ],
    [
      { orders: 112, net_fen: 200_000 },
      { way: 'down', by: 'aov' },
    ],
    [{ orders: 100, net_fen: 110_100 }, 'flat'],
    [{ orders: 0, net_fen: 0 }, null],
    [{ orders: 10, net_fen: 1000 }, null],
  ])('%o', (before, found) => expect(driverOf(NOW, { ...NOW, ...before })).toEqual(found))
})

test('the mix of members asks for something only where there was a period before', () => {
  expect(leanOf(NOW, NOW)).toBe('lean_old')
  expect(leanOf({ ...NOW, returning_share_bps: 2000 }, NOW)).toBe('lean_new')
  expect(leanOf({ ...NOW, returning_share_bps: 6000, repeat_share_bps: 1000 }, NOW)).toBe('once')
  expect(leanOf({ ...NOW, returning_share_bps: 6000 }, NOW)).toBeNull()
  expect(leanOf({ ...NOW, returning_share_bps: 0 }, { ...NOW, active_members: 0 })).toBeNull()
  expect(leanOf({ ...NOW, returning_share_bps: 0 }, { ...NOW, orders: 10 })).toBeNull()
})

test('a trend has neither a handful of points nor hundreds', () => {
  expect([grainFor(30), grainFor(90), grainFor(366)]).toEqual(['day', 'week', 'month'])
})

async function inPage(path: string, usual: 'last30' | 'last12' = 'last30', permissions?: string[]) {
  const found: { cut?: CutChoice; behind?: ReturnType<typeof useBehind> } = {}
  const Page = defineComponent(() => {
    const cut = (found.cut = useCut(usual))
    found.behind = useBehind()
    return () => h(CutBar, { cut })
  })
  const answers = {
    'GET /v1/stores': { items: [], next_cursor: null },
    'GET /v1/regions': { items: [{ code: 'east', name: '华东' }], next_cursor: null },
    'GET /v1/analytics/breakdown': { rows: [{ key: '酒水' }, { key: '' }] },
  }
  const page = await mountPage(Page, { path, answers, permissions })
  return { ...page, ...(found as Required<typeof found>) }
}

it('keeps the cut in the address, where an empty region is that of stores in none', async () => {
  const { cut, wrapper, router } = await inPage('/figures?from=2017-06-01&to=2017-06-30&region=&grain=week')
  expect(cut.query).toEqual({ from: '2017-06-01', to: '2017-06-30', region: '' })
  expect(cut.address).toEqual({ from: '2017-06-01', to: '2017-06-30', region: '' })
  expect(wrapper.text()).toContain('只看：未分区域的门店')
  await wrapper.get('.chip button').trigger('click')
  await flushPromises()
  expect(router.currentRoute.value.query).toEqual({ from: '2017-06-01', to: '2017-06-30', grain: 'week' })
})

it('asks for no days unless some were chosen, and knows the usual period of the page', async () => {
  expect((await inPage('/figures')).cut.query).toEqual({})
  const year = await inPage('/figures/cohorts', 'last12')
  expect([year.cut.period.preset, year.cut.query]).toEqual(['last12', {}])
  const thirty = await inPage('/figures/cohorts?period=last30', 'last12')
  expect(Object.keys(thirty.cut.query)).toEqual(['from', 'to'])
})

it('leads to what is behind an answer, in its days and cut, for who may see it', async () => {
  const answer = {
    period: { from: '2017-12-02', to: '2017-12-31', chosen: 'last_with_data' },
    store: 's1',
    region: null,
    category: '',
  }
  const { behind } = await inPage('/figures')
  expect(behind.members(answer, { figure: 'top', percent: 10 })).toBe(
    '/figures/members?figure=top&percent=10&from=2017-12-02&to=2017-12-31&store=s1&category=',
  )
  expect(behind.orders(answer, { store: 's2', from: '2017-12-05' })).toBe(
    '/orders?kept=true&from=2017-12-05&to=2017-12-31&store=s2&category=',
  )
  const reader = await inPage('/figures', 'last30', ['analytics:read'])
  expect([reader.behind.members(answer, {}), reader.behind.orders(answer)]).toEqual([undefined, undefined])
})

it('shows cohorts with a way behind each cell, and marks months that are not over', async () => {
  const cells = [
    { months_later: 0, members: 4, share_bps: 10_000, net_fen: 9, complete: true },
    { months_later: 1, members: 1, share_bps: 2500, net_fen: 2, complete: false },
  ]
  const cohorts = [{ month: '2017-02', members: 4, cells }]
  const to = (month: string, later: number): string => `/behind/${month}/${later}`
  const { wrapper } = await mountPage(HeatGrid, { props: { cohorts, label: '留存', to } })
  const links = wrapper.findAll('tbody a')
  expect(links.map((link) => link.text())).toEqual(['100%', '25%'])
  expect(links[1]?.attributes('href')).toBe('/behind/2017-02/1')
  expect(links[1]?.attributes('aria-label')).toBe(
    '25% · 2017年2月首购的 4 人，1 个月后有 1 人来买过（25.0%） · 这个月还没过完',
  )
  expect(wrapper.find('td.open').text()).toBe('25%')
  await wrapper.setProps({ as: 'count', to: undefined })
  expect(wrapper.findAll('tbody .cell').map((cell) => cell.text())).toEqual(['4', '1'])
})

it('reads again while the page can be seen, and never twice at a time', async () => {
  vi.useFakeTimers()
  const query = reactive({ loading: false, reload: vi.fn(async () => undefined) })
  const { wrapper } = await mountPage(
    defineComponent(() => {
      useLive(query, 1000)
      return () => null
    }),
  )
  await vi.advanceTimersByTimeAsync(1000)
  expect(query.reload).toHaveBeenCalledTimes(1)
  query.loading = true
  await vi.advanceTimersByTimeAsync(3000)
  expect(query.reload).toHaveBeenCalledTimes(1)
  query.loading = false
  const seen = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden')
  await vi.advanceTimersByTimeAsync(3000)
  expect(query.reload).toHaveBeenCalledTimes(1)
  seen.mockReturnValue('visible')
  document.dispatchEvent(new Event('visibilitychange'))
  expect(query.reload).toHaveBeenCalledTimes(2)
  wrapper.unmount()
  await vi.advanceTimersByTimeAsync(3000)
  expect(query.reload).toHaveBeenCalledTimes(2)
  vi.useRealTimers()
})
