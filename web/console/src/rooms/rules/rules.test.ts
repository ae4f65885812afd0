import { flushPromises } from '@vue/test-utils'
import { expect, it, test } from 'vitest'
import RuleEditor from './RuleEditor.vue'
import RuleList from './RuleList.vue'
import RulePage from './RulePage.vue'
import { doubts } from './checks'
import { asBlanks, bodyOf, emptyForm, formOf, listOf, rateOf, textOf, wrongs, type RuleForm } from './form'
import { localOf, momentOf } from './moment'
import { useSession } from '@/shared/session'
import { answering, mountPage, refusal, tradingIn, type Call } from '@/shared/testing/mount'

const form = (given: Partial<RuleForm> = {}): RuleForm => ({ ...emptyForm(), name: '消费积分', ...given })
const text = (given: Partial<RuleForm> = {}) => textOf(bodyOf(form(given)))
const VERSION = {
  ...text({ excluded_categories: '生鲜', cap_per_order: '200' }),
  version: 1,
  effective_from: '2026-01-01T00:00:00Z',
  enabled: true,
  created_at: '2026-01-01T00:00:00Z',
  effective_until: null,
  created_by: 'staff:1',
}
const RULE = { rule_id: '1024', state: 'in_force', newest_version: 1, current: VERSION }
const NOTHING = { items: [], next_cursor: null }
const DRAFT = { ...VERSION, draft_id: '2048', state: 'draft', rule_id: null, base_version: null }
const ANSWERS = {
  'GET /v1/stores': NOTHING,
  'GET /v1/regions': NOTHING,
  'GET /v1/members': { items: [{ member_id: '5', name: '张**', identities: [] }], next_cursor: null },
  'GET /v1/earning-rules': { items: [RULE], next_cursor: null },
  'GET /v1/earning-rules/drafts': NOTHING,
}

it('says each rule in one sentence', async () => {
  const { wrapper } = await mountPage(RuleList, { answers: ANSWERS })
  expect(wrapper.get('.said').text()).toBe('每消费 1 元得 1 积分，生鲜除外，每单最多 200 积分，12 个月后的月底过期。')
  expect(wrapper.text()).toContain('2026-01-01 08:00 起')
})

it("speaks of the merchant's currency", async () => {
  const yen = tradingIn('JPY')
  const none = { 'GET /v1/earning-rules': { items: [], next_cursor: null } }
  const empty = await mountPage(RuleList, { answers: { ...ANSWERS, ...yen, ...none } })
  expect(empty.wrapper.text()).toContain('例如每消费 1 日元得 1 积分')
  const list = await mountPage(RuleList, { answers: { ...ANSWERS, ...yen } })
  expect(list.wrapper.get('.said').text()).toContain('每消费 ¥1 得 1 积分')
  const answers = { ...ANSWERS, ...yen, 'GET /v1/analytics/top': { rows: [] } }
  const { wrapper } = await mountPage(RuleEditor, { answers })
  expect(wrapper.text()).toContain('满多少日元起算')
  expect(wrapper.get('.sentence').text()).toMatch(/^每消费\s+日元，得/)
  await wrapper.get('input[aria-label="得多少"]').setValue('50')
  expect(wrapper.text()).toContain('消费 ¥100 会得 5000')
  expect(list.wrapper.text() + wrapper.text()).not.toMatch(/(?<!日)元/)
})

it('tells in words what each version changed', async () => {
  const second = { ...VERSION, version: 2, cap_per_order: null, points_per_yuan: '2' }
  const { wrapper } = await mountPage(RulePage, {
    props: { ruleId: '1024' },
    answers: {
      ...ANSWERS,
      'GET /v1/earning-rules/1024': { ...RULE, current: second, newest_version: 2, versions: [second, VERSION] },
    },
  })
  expect(wrapper.text()).toContain('得多少：每消费 1 元得 1 积分 → 每消费 1 元得 2 积分')
  expect(wrapper.text()).toContain('每单上限：每单最多 200 积分 → 不限')
})

it('keeps a draft before it asks when to publish, and publishes that one', async () => {
  const { wrapper, calls, router } = await mountPage(RuleEditor, {
    answers: {
      ...ANSWERS,
      'GET /v1/analytics/top': { rows: [] },
      'POST /v1/earning-rules/drafts': DRAFT,
      'GET /v1/earning-rules/drafts/2048': DRAFT,
      'POST /v1/earning-rules/drafts/2048/publish': RULE,
    },
  })
  const button = (name: string) => wrapper.findAll('button').find((each) => each.text().startsWith(name))
  await button('发布')?.trigger('click')
  expect(wrapper.text()).toContain('有 1 处没有填对')
  await wrapper.get('input[maxlength="100"]').setValue('双倍')
  await button('发布')?.trigger('click')
  await flushPromises()
  expect(calls.find((call) => call.method === 'POST')?.body).toMatchObject({ name: '双倍', points_per_yuan: '1' })
  await wrapper.get('.publish form').trigger('submit')
  await flushPromises()
  expect(calls.at(-1)).toMatchObject({ path: '/v1/earning-rules/drafts/2048/publish', body: { at: null } })
  expect(router.currentRoute.value.path).toBe('/rules/1024')
})

it('publishes nothing over a change that nobody here has seen, and keeps what was typed', async () => {
  const five = { ...VERSION, version: 2, points_per_yuan: '5' }
  let rule = RULE
  const { wrapper, calls, router } = await mountPage(RuleEditor, {
    props: { ruleId: '1024' },
    answers: {
      ...ANSWERS,
      'GET /v1/analytics/top': { rows: [] },
      'GET /v1/earning-rules': () => ({ items: [rule], next_cursor: null }),
      'POST /v1/earning-rules/drafts': (call: Call) => {
        const seen = (call.body as { expected_version: number }).expected_version
        if (seen !== rule.newest_version) return refusal(409, 'earning_rule_changed', '', { version: 2 })()
        return { ...DRAFT, rule_id: '1024', base_version: seen }
      },
      'GET /v1/earning-rules/drafts/2048': { ...DRAFT, rule_id: '1024', base_version: 2 },
      'POST /v1/earning-rules/drafts/2048/publish': RULE,
    },
  })
  const button = (name: string) => wrapper.findAll('button').find((each) => each.text().startsWith(name))
  rule = { ...RULE, newest_version: 2, current: five }
  await wrapper.get('input[maxlength="100"]').setValue('常客积分')
  await button('发布')?.trigger('click')
  await flushPromises()
  expect(wrapper.get('.stale').text()).toContain('刚被别人改过')
  expect(wrapper.find('.publish').exists()).toBe(false)
  expect(wrapper.get<HTMLInputElement>('input[maxlength="100"]').element.value).toBe('常客积分')
  await button('对照')?.trigger('click')
  await flushPromises()
  expect(wrapper.find('.stale').exists()).toBe(false)
  expect(wrapper.get('.publish').text()).toContain('每消费 1 元得 5 积分 → 每消费 1 元得 1 积分')
  await wrapper.get('.publish form').trigger('submit')
  await flushPromises()
  expect(calls.filter((call) => call.path.endsWith('/publish'))).toHaveLength(1)
  expect(router.currentRoute.value.path).toBe('/rules/1024')
})

it('tries what is written, as the draft it is kept in, beside what counts now', async () => {
  const lines = (points: number) => [{ line_no: 1, paid_fen: 10_000, points, growth: 0 }]
  const reason = { rule_id: '1', name: '消费积分', unit: 'points', amount: 200, text_zh: '每元 2 积分', text_en: '' }
  const { wrapper, calls } = await mountPage(RuleEditor, {
    answers: {
      ...ANSWERS,
      'GET /v1/stores': { items: [{ store_id: 7, code: 's1', name: '静安店' }], next_cursor: null },
      'GET /v1/analytics/top': { rows: [] },
      'POST /v1/earning-rules/drafts': DRAFT,
      'GET /v1/earning-rules/drafts/2048': DRAFT,
      'POST /v1/earning-rules/try': (call: Call) =>
        'drafts' in (call.body as object)
          ? { points: 300, growth: 0, lines: lines(300), reasons: [reason] }
          : { points: 100, growth: 0, lines: lines(100), reasons: [] },
    },
  })
  await wrapper.get('input[maxlength="100"]').setValue('双倍')
  const trial = wrapper.findAll('form').at(-1)
  await trial?.trigger('submit')
  await flushPromises()
  const sent = calls.filter((call) => call.path === '/v1/earning-rules/try').map((call) => call.body)
  const bill = { store: 's1', member_id: '5' }
  expect(sent).toMatchObject([{ bill }, { bill, drafts: ['2048'] }])
  expect(wrapper.get('.result').text()).toContain('多 200')
  expect(wrapper.get('.result tbody').text()).toContain('300')
  expect(wrapper.get('.result').text()).toContain('消费积分：每元 2 积分')
})

it('is tried before there is a member, as by a new one', async () => {
  const nothing = { points: 0, growth: 0, lines: [], reasons: [] }
  const { wrapper, calls } = await mountPage(RuleEditor, {
    answers: {
      ...ANSWERS,
      'GET /v1/members': NOTHING,
      'GET /v1/stores': { items: [{ store_id: 7, code: 's1', name: '静安店' }], next_cursor: null },
      'GET /v1/analytics/top': { rows: [] },
      'POST /v1/earning-rules/drafts': DRAFT,
      'GET /v1/earning-rules/drafts/2048': DRAFT,
      'POST /v1/earning-rules/try': nothing,
    },
  })
  expect(wrapper.text()).toContain('按一位新会员试')
  expect(wrapper.text()).not.toContain('不会写入任何数据')
  await wrapper.get('input[maxlength="100"]').setValue('双倍')
  await wrapper.findAll('form').at(-1)?.trigger('submit')
  await flushPromises()
  const sent = calls.filter((call) => call.path === '/v1/earning-rules/try').map((call) => call.body)
  expect(sent).toMatchObject([
    { bill: { member_id: null }, new_member: true },
    { new_member: true, drafts: ['2048'] },
  ])
})

test('a rate is said as it was meant, and comes back as it was', () => {
  expect(asBlanks('0.05')).toEqual({ per: '20', points: '1' })
  expect(asBlanks('1.5')).toEqual({ per: '1', points: '1.5' })
  expect([rateOf('20', '1'), rateOf('3', '1'), rateOf('0', '1')]).toEqual(['0.05', null, null])
  expect(wrongs(form({ per: '3' })).per).toBe('uneven')
})

test('amounts of a rule are whole where the currency has no decimals', async () => {
  const rule = text({ per: '2.5', minimum: '10.5' })
  expect(asBlanks('0.4')).toEqual({ per: '2.5', points: '1' })
  answering(tradingIn('JPY'))
  await useSession().load()
  expect(wrongs(form({ per: '2.5', minimum: '10.5' }))).toEqual({ per: 'whole', minimum: 'whole' })
  expect(wrongs(form({ name: 'a', per: '5', minimum: '1,000' }))).toEqual({})
  expect(formOf({ ...rule, minimum_fen: 100_000 })).toMatchObject({ per: '1', points: '0.4', minimum: '1000' })
})

test('a form says what the rule said', () => {
  expect(bodyOf(formOf(VERSION))).toMatchObject({
    points_per_yuan: '1',
    excluded_categories: ['生鲜'],
    cap_per_order: 200,
  })
  expect(listOf('生鲜、乳品, 烟；生鲜')).toEqual(['生鲜', '乳品', '烟'])
})

test('what is wrong is named by its field', () => {
  const bad = form({ name: ' ', cap_per_day: '0', date_from: '2026-02-01', date_to: '2026-01-01', count: 'x' })
  expect(Object.keys(wrongs(bad)).toSorted()).toEqual(['cap_per_day', 'count', 'date_to', 'name'])
  expect(wrongs(form({ expiry: 'date', month: '2', day: '30' })).day).toBe('day')
})

test('common mistakes are told, and only they', () => {
  const base = { rule_id: '1', rule: text() }
  const codes = (given: Partial<RuleForm>, others = [base], before = null as ReturnType<typeof text> | null) =>
    doubts(text(given), others, before, '2026-03-01').map((each) => each.code)
  expect(codes({}, [])).toEqual([])
  expect(codes({ points: '100' }, [], text())).toEqual(['rate_far'])
  expect(codes({ expiry: 'never' }, [])).toEqual(['never_expires'])
  expect(codes({ categories: '生鲜', points: '3' })).toEqual(['overlap_loses'])
  expect(codes({ categories: '生鲜', points: '3', priority: '5' })).toEqual(['overlap_wins'])
  expect(codes({ categories: '生鲜' }, [{ rule_id: '1', rule: text({ excluded_categories: '生鲜' }) }])).toEqual([])
  expect(codes({ kind: 'multiplier' }, [])).toEqual(['no_base'])
  expect(codes({ cap_per_order: '200', cap_per_day: '100' }, [])).toEqual(['cap_useless'])
  expect(codes({ date_to: '2026-02-28' }, [])).toEqual(['over'])
})

test('a moment is typed as the clock at the shop shows it', () => {
  expect(momentOf('2026-03-01T00:00', 'Asia/Shanghai')).toBe('2026-02-28T16:00:00.000Z')
  expect(momentOf('2026-07-01T00:00', 'America/New_York')).toBe('2026-07-01T04:00:00.000Z')
  expect(localOf('2026-02-28T16:00:00Z', 'Asia/Shanghai')).toBe('2026-03-01T00:00')
})
