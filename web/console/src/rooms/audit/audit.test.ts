import { flushPromises } from '@vue/test-utils'
import { expect, it, test } from 'vitest'
import AuditPage from './AuditPage.vue'
import { changesOf, linkOf, startOf, type Entry } from './entry'
import { mountPage } from '@/shared/testing/mount'

const ENTRY: Entry = {
  seq: '12',
  at: '2026-03-01T02:00:00Z',
  actor: 'staff:7',
  actor_name: '小林',
  ip: '10.0.0.2',
  agent: 'Firefox',
  request_id: 'r1',
  action: 'points.adjusted',
  object_kind: 'adjustment',
  object_id: '99',
  before: null,
  after: { member_id: '2048', unit: 'points', amount: 100, balance: 340, expires_at: null, reason: '补录小票' },
}
const REVEAL: Entry = {
  ...ENTRY,
  seq: '11',
  action: 'member.revealed',
  object_kind: 'member',
  object_id: '2048',
  after: { fields: ['name', 'phone'], reason: '投诉回访' },
}
const EXPIRED: Entry = {
  ...ENTRY,
  seq: '10',
  actor: 'system',
  actor_name: '',
  action: 'points.expired',
  object_kind: 'merchant',
  object_id: '1',
  after: { points: 1200, growth: 7, members: 3 },
}
const CLOSED: Entry = {
  ...EXPIRED,
  seq: '9',
  action: 'day.closed',
  object_kind: 'day',
  object_id: '2026-02-28',
  after: { transfers: 40 },
}
const UNLOCKED: Entry = {
  ...ENTRY,
  action: 'staff.changed',
  object_kind: 'staff',
  object_id: '7',
  before: { locked_until: '2026-03-01T02:15:00Z' },
  after: { locked_until: null },
}
const REFUNDED: Entry = {
  ...ENTRY,
  action: 'order.refunded',
  object_kind: 'order',
  object_id: '5',
  after: { amount_fen: 500, reason: 'import' },
}
const IMPORTED: Entry = {
  ...ENTRY,
  action: 'import.finished',
  object_kind: 'import',
  object_id: '0198',
  after: { file_name: '三月.csv', counts: { created: 2 } },
}
const NOTHING = { items: [], next_cursor: null }
const ANSWERS = {
  'GET /v1/stores': NOTHING,
  'GET /v1/regions': NOTHING,
  'GET /v1/staff': NOTHING,
  'GET /v1/api-keys': NOTHING,
  'GET /v1/permissions': { permissions: [], roles: [] },
  'GET /v1/members/2048': {
    member_id: '2048',
    name: '张*',
    identities: [{ kind: 'phone', value: '138****2231' }],
  },
}

it('tells entries as sentences, marks personal data, and leads to the member', async () => {
  const { wrapper, calls } = await mountPage(AuditPage, {
    path: '/audit?actor=staff:7&from=2026-03-01&to=2026-03-01',
    answers: { ...ANSWERS, 'GET /v1/audit': { items: [ENTRY, REVEAL], next_cursor: null } },
  })
  await flushPromises()
  const said = wrapper.findAll('summary .said').map((each) => each.text())
  expect(said[0]).toBe('小林 把会员 张* 138****2231 的积分加 100，原因：补录小票')
  expect(said[1]).toBe('小林 查看了会员 张* 138****2231 的完整姓名、手机号，原因：投诉回访')
  expect(wrapper.findAll('.pill').map((each) => each.text())).toEqual(['查看完整信息'])
  expect(wrapper.get('.more a').attributes('href')).toBe('/members/2048')
  const asked = calls.find((call) => call.path === '/v1/audit')
  expect(asked?.query).toMatchObject({
    actor: 'staff:7',
    from: '2026-03-01T00:00:00+08:00',
    to: '2026-03-02T00:00:00+08:00',
  })
  expect(wrapper.get('.export').attributes('href')).toContain('/v1/audit/export?from=2026-03-01T00')
  expect(calls.filter((call) => call.path === '/v1/members/2048')).toHaveLength(1)
})

it('tells what runs by clock', async () => {
  const { wrapper } = await mountPage(AuditPage, {
    answers: { ...ANSWERS, 'GET /v1/audit': { items: [EXPIRED, CLOSED], next_cursor: null } },
  })
  await flushPromises()
  const said = wrapper.findAll('summary .said').map((each) => each.text())
  expect(said).toEqual(['系统 到期清零：积分 1,200、成长值 7、涉及会员 3', '系统 对 2026-02-28 做了日结'])
  expect(wrapper.text()).toContain('流水笔数40')
})

it('tells an unlocked account, a refund out of a file and the file of an import by their names', async () => {
  const { wrapper } = await mountPage(AuditPage, {
    answers: { ...ANSWERS, 'GET /v1/audit': { items: [UNLOCKED, REFUNDED, IMPORTED], next_cursor: null } },
  })
  await flushPromises()
  const said = wrapper.findAll('summary .said').map((each) => each.text())
  expect(said[0]).toMatch(/解除了员工 .+ 的锁定$/)
  expect(said[1]).toMatch(/退款 ¥5.00，原因：导入的文件$/)
  expect(said[2]).toMatch(/的导入“三月.csv”完成，新增 2$/)
})

it('says that a period is empty', async () => {
  const { wrapper } = await mountPage(AuditPage, { answers: { ...ANSWERS, 'GET /v1/audit': NOTHING } })
  expect(wrapper.text()).toContain('这段时间没有记录')
})

test('days begin at their place, and details hold what the sentence has not said', () => {
  expect(startOf('2026-07-01', 'America/New_York')).toBe('2026-07-01T00:00:00-04:00')
  expect(startOf('2026-07-01', 'UTC')).toBe('2026-07-01T00:00:00+00:00')
  expect(changesOf(ENTRY, ['amount', 'unit', 'reason', 'member_id']).map((each) => each.field)).toEqual([
    'balance',
    'expires_at',
  ])
  expect(linkOf({ ...ENTRY, object_kind: 'store', object_id: '4' })).toBe('/stores/4')
  expect(linkOf({ ...ENTRY, object_kind: 'import_job' })).toBeNull()
})

it('says of a file that waits only that it was uploaded', async () => {
  const after = { kind: 'orders', file_name: '会员.csv', dry_run: true, file_size: 9, options: {} }
  const queued = (more: object): Entry => ({
    ...ENTRY,
    action: 'import.queued',
    object_kind: 'import',
    object_id: '01a214c0-d1b6-7208-9e5f-02714721c4d8',
    after: { ...after, ...more },
  })
  const items = [queued({ held: true }), { ...queued({}), seq: '11' }]
  const answers = { ...ANSWERS, 'GET /v1/audit': { items, next_cursor: null } }
  const { wrapper } = await mountPage(AuditPage, { path: '/audit', answers })
  await flushPromises()
  const said = wrapper.findAll('summary .said').map((each) => each.text())
  expect(said).toEqual(['小林 上传了文件“会员.csv”，还没有试导', '小林 提交了订单文件“会员.csv”试导'])
})
