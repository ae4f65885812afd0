import { flushPromises, mount } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import { defineComponent, h, nextTick, ref, type Component } from 'vue'
import BaseChart from './BaseChart.vue'
import CatalogPicker from './CatalogPicker.vue'
import ConfirmHost from './ConfirmHost.vue'
import DataTable from './DataTable.vue'
import ErrorState from './ErrorState.vue'
import FormField from './FormField.vue'
import MemberPicker from './MemberPicker.vue'
import MoneyInput from './MoneyInput.vue'
import PageHead from './PageHead.vue'
import PeriodPicker from './PeriodPicker.vue'
import StatCard from './StatCard.vue'
import ToastHost from './ToastHost.vue'
import WorkProgress from './WorkProgress.vue'
import ZonePicker from './ZonePicker.vue'
import { dressed } from './chart-look'
import { Problem } from '@/shared/api'
import { confirm } from '@/shared/confirm'
import { moneyInField } from '@/shared/format'
import { searchesFor } from '@/shared/members'
import { daysOf, usePeriod } from '@/shared/period'
import { mountPage, refusal, tradingIn, type Call } from '@/shared/testing/mount'
import { toast } from '@/shared/toast'

it('offers to try again only where that may help', async () => {
  const offered = async (status: number): Promise<boolean> => {
    const { wrapper } = await mountPage(ErrorState, { props: { problem: new Problem(status, 'code', '为什么') } })
    expect(wrapper.text()).toContain('为什么')
    return wrapper.text().includes('重试')
  }
  expect([await offered(0), await offered(503), await offered(400), await offered(404)]).toEqual([
    true,
    true,
    false,
    false,
  ])
})

describe('DataTable', () => {
  // Of no type in particular.
  const Table = DataTable as unknown as Component
  const rows = [{ id: 1, name: '甲', sum: '¥1.00' }]
  const props = {
    caption: '列表',
    columns: [
      { key: 'name', title: '名称' },
      { key: 'sum', title: '金额', end: true },
    ],
    rows,
    rowKey: (row: { id: number }) => row.id,
    to: (row: { id: number }) => `/things/${row.id}`,
  }

  it('opens a row by its link and by a click anywhere in it', async () => {
    const { wrapper, router } = await mountPage(Table, { props })
    expect(wrapper.get('td a').attributes('href')).toBe('/things/1')
    expect(wrapper.findAll('td')[1]?.attributes('data-label')).toBe('金额')
    await wrapper.findAll('td')[1]?.trigger('click')
    await flushPromises()
    expect(router.currentRoute.value.path).toBe('/things/1')
  })

  it('says that there is nothing', async () => {
    const { wrapper } = await mountPage(Table, { props: { ...props, rows: [], empty: '还没有' } })
    expect(wrapper.text()).toBe('还没有')
  })
})

describe('ZonePicker', () => {
  async function picking(zone: string, text: string, empty?: string): Promise<[string, string]> {
    const picked = ref(zone)
    const field = defineComponent({
      render: () =>
        h(ZonePicker, {
          modelValue: picked.value,
          empty,
          'onUpdate:modelValue': (now: string) => (picked.value = now),
        }),
    })
    const { wrapper } = await mountPage(field)
    expect(wrapper.findAll('option')).toHaveLength(0)
    await wrapper.get('input').trigger('focus')
    expect(wrapper.findAll('option').length).toBeGreaterThan(400)
    await wrapper.get('input').setValue(text)
    await wrapper.get('input').trigger('change')
    return [picked.value, wrapper.get('input').element.value]
  }

  it('finds a zone by its text, its name, or a part that no other has', async () => {
    const tokyo: [string, string] = ['Asia/Tokyo', '日本标准时间（东京，UTC+9）']
    for (const typed of [tokyo[1], 'asia/tokyo', '东京']) expect(await picking('Asia/Shanghai', typed)).toEqual(tokyo)
    for (const typed of ['hong kong', 'Asia/Hong_Kong'])
      expect((await picking('Asia/Shanghai', typed))[0]).toBe('Asia/Hong_Kong')
  })

  it('keeps the zone that it has when what is typed is none, or may be several', async () => {
    const same = ['Asia/Shanghai', '中国标准时间（上海，UTC+8）']
    for (const typed of ['', '火星', 'UTC+8']) expect(await picking('Asia/Shanghai', typed)).toEqual(same)
  })

  it('takes none where that is allowed', async () => {
    expect(await picking('Asia/Shanghai', ' ', '按门店的时区')).toEqual(['', ''])
  })
})

describe('MoneyInput', () => {
  async function typing(text: string, currency = 'CNY'): Promise<[number | null, string]> {
    const fen = ref<number | null>(100)
    const wrong = ref('')
    const field = defineComponent({
      render: () =>
        h(MoneyInput, {
          modelValue: fen.value,
          'onUpdate:modelValue': (now: number | null) => (fen.value = now),
          onWrong: (said: string) => (wrong.value = said),
        }),
    })
    const { wrapper } = await mountPage(field, { answers: tradingIn(currency) })
    expect(wrapper.get('input').element.value).toBe('1')
    expect(wrapper.get('input').element.inputMode).toBe(currency === 'JPY' ? 'numeric' : 'decimal')
    await wrapper.get('input').setValue(text)
    await wrapper.get('input').trigger('blur')
    expect(wrapper.get('input').element.value).toBe(fen.value === null ? text : moneyInField(fen.value))
    return [fen.value, wrong.value]
  }

  it('takes what people type, and keeps what is no amount', async () => {
    expect(await typing('12.5元')).toEqual([1250, ''])
    expect(await typing('')).toEqual([null, ''])
    expect(await typing('12.345')).toEqual([null, '请填写金额，例如 12.50'])
    expect(await typing('-3')).toEqual([null, '金额不能是负数'])
  })

  it('takes no decimals where the currency has none', async () => {
    expect(await typing('10.5', 'JPY')).toEqual([null, '请填写整数金额，例如 1000（这个币种没有小数）'])
    expect(await typing('1000', 'JPY')).toEqual([100_000, ''])
    expect(await typing('1,000.00', 'JPY')).toEqual([100_000, ''])
  })
})

describe('MemberPicker', () => {
  const member = (member_id: string, name: string): object => ({
    member_id,
    name,
    identities: [{ kind: 'phone', value: '138****5678' }],
  })
  const found = (...items: object[]): object => ({ items, next_cursor: null })

  it('tries what it can be, and lists each member once', async () => {
    const answer = vi.fn((call: Call) => {
      const asked = call.body as Record<string, string>
      if ('card_no' in asked) return refusal(400, 'invalid_input', 'no card')()
      return 'phone_last4' in asked ? found(member('1', '张三'), member('2', '李四')) : found(member('1', '张三'))
    })
    const { wrapper } = await mountPage(MemberPicker, { answers: { 'POST /v1/members/search': answer } })
    await wrapper.get('input').setValue('5678')
    await wrapper.get('input').trigger('keydown', { key: 'Enter' })
    await flushPromises()
    expect(wrapper.findAll('li').map((each) => each.find('b').text())).toEqual(['张三', '李四'])
    expect(wrapper.get('[role=status]').text()).toBe('找到 2 位会员')
    await wrapper.get('input').trigger('keydown', { key: 'ArrowDown' })
    await wrapper.get('input').trigger('keydown', { key: 'ArrowUp' })
    await wrapper.get('input').trigger('keydown', { key: 'Enter' })
    expect(wrapper.emitted('choose')?.[0]?.[0]).toMatchObject({ member_id: '2' })
  })

  it('takes the only one at once, and says when there is nobody', async () => {
    let items: object[] = [member('9', '王五')]
    const { wrapper } = await mountPage(MemberPicker, { answers: { 'POST /v1/members/search': () => found(...items) } })
    await wrapper.get('input').setValue('王五')
    await wrapper.get('input').trigger('keydown', { key: 'Enter' })
    await flushPromises()
    expect(wrapper.emitted('choose')).toHaveLength(1)
    items = []
    await wrapper.get('input').setValue('赵六')
    await wrapper.get('input').trigger('keydown', { key: 'Enter' })
    await flushPromises()
    expect(wrapper.get('[role=status]').text()).toBe('没有找到这位会员')
  })

  it('asks for a phone, its end, a card, a number or a name', () => {
    expect(searchesFor('138 0000-1234')).toEqual([{ phone: '13800001234' }])
    expect(searchesFor('1234')).toEqual([
      { phone_last4: '1234' },
      { card_no: '1234' },
      { external_id: '1234' },
      { member_id: '1234' },
    ])
    expect(searchesFor('crm-1')).toEqual([{ card_no: 'crm-1' }, { external_id: 'crm-1' }, { name: 'crm-1' }])
    expect(searchesFor('张三')).toEqual([{ name: '张三' }])
    expect(searchesFor('  ')).toEqual([])
  })
})

describe('PeriodPicker', () => {
  const page = defineComponent({
    setup() {
      const period = usePeriod()
      return () => [h(PeriodPicker, { period }), h('p', JSON.stringify(period.query))]
    },
  })

  it('keeps what was chosen in the address, beside what else stands there', async () => {
    const { wrapper, router } = await mountPage(page, { path: '/figures?store=s1' })
    expect(wrapper.get('p').text()).toBe('{}')
    await wrapper.get('button').trigger('click')
    await flushPromises()
    const preset = wrapper.findAll('.presets button').find((each) => each.text() === '近 7 天')
    await preset?.trigger('click')
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({ store: 's1', period: 'last7' })
    const [from, to] = wrapper.findAll('input[type=date]')
    await from?.setValue('2017-06-30')
    await to?.setValue('2017-06-01')
    await wrapper.get('form').trigger('submit')
    expect(wrapper.text()).toContain('结束日期不能早于开始日期')
    await from?.setValue('2017-05-01')
    await wrapper.get('form').trigger('submit')
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({ store: 's1', from: '2017-05-01', to: '2017-06-01' })
    expect(wrapper.get('button').text()).toContain('2017年5月1日 至 6月1日')
  })

  it('takes no nonsense from the address', async () => {
    const { wrapper } = await mountPage(page, { path: '/figures?from=2017-06-30&to=2017-06-01&period=x' })
    expect(wrapper.get('p').text()).toBe('{}')
  })

  it('counts days', () => {
    expect(daysOf('last7', '2026-03-03')).toEqual({ from: '2026-02-25', to: '2026-03-03' })
    expect(daysOf('last_month', '2026-03-31')).toEqual({ from: '2026-02-01', to: '2026-02-28' })
    expect(daysOf('year', '2026-03-31')).toEqual({ from: '2026-01-01', to: '2026-03-31' })
  })
})

it('a field says what is wrong and ties it to its control', () => {
  const slots = { default: (control: object) => h('input', control) }
  const field = mount(FormField, { props: { label: '名称', wrong: '请填写', hint: '招牌上的' }, slots })
  const input = field.get('input')
  expect(field.get('label').attributes('for')).toBe(input.attributes('id'))
  expect(field.get(`#${input.attributes('aria-describedby')}`).text()).toBe('请填写')
  expect(input.attributes('aria-invalid')).toBe('true')
})

it('a figure tells how it moved in words too', async () => {
  const { wrapper } = await mountPage(StatCard, {
    props: { label: '退款', value: '3', change: 1250, downIsGood: true, points: [1, 2, 1] },
  })
  expect(wrapper.get('.change').text()).toContain('与上一段相比 上升')
  expect(wrapper.get('.change').text()).toContain('12.5%')
  expect(wrapper.get('.change').classes()).toContain('bad')
})

it('a picker shows what was chosen also when the list has not come yet', async () => {
  const { wrapper } = await mountPage(CatalogPicker, {
    props: { modelValue: 's9', label: '门店', all: '全部门店', options: [] },
  })
  expect(wrapper.findAll('option').map((each) => each.text())).toEqual(['全部门店', 's9'])
  await wrapper.get('select').setValue('')
  expect(wrapper.emitted('update:modelValue')).toEqual([[null]])
})

it('progress is a number when it is known', async () => {
  const { wrapper } = await mountPage(WorkProgress, { props: { done: 1, total: 3, label: '导入' } })
  expect(wrapper.text()).toContain('33%')
  await wrapper.setProps({ total: 0 })
  expect(wrapper.get('progress').attributes('value')).toBeUndefined()
})

it('asks before a deed and takes Escape for no', async () => {
  const host = mount(ConfirmHost, { attachTo: document.body })
  const first = confirm({ title: '作废订单？', action: '作废', danger: true })
  await nextTick()
  expect(host.text()).toContain('作废订单？')
  await host.get('form').trigger('submit')
  expect(await first).toBe(true)
  const second = confirm({ title: '再来？', action: '是' })
  await nextTick()
  await host.get('dialog').trigger('cancel')
  expect(await second).toBe(false)
})

it('says a thing once and takes it back', async () => {
  const host = mount(ToastHost)
  toast.good('已保存')
  toast.good('已保存')
  await nextTick()
  expect(host.findAll('.toast')).toHaveLength(1)
  await host.get('button').trigger('click')
  expect(host.findAll('.toast')).toHaveLength(0)
})

describe('BaseChart', () => {
  it('has its figures as a table', () => {
    const chart = mount(BaseChart, {
      props: { label: '每月净销售额', option: {}, table: { columns: ['月', '净销售额'], rows: [['6 月', '¥1.00']] } },
    })
    expect(chart.get('[role=img]').attributes('aria-label')).toBe('每月净销售额')
    expect(chart.findAll('td').map((each) => each.text())).toEqual(['6 月', '¥1.00'])
  })

  it('never lets a tooltip be HTML, which the policy would refuse', () => {
    const colours = { series: ['#1'], ink: '#2', soft: '#3', line: '#4', surface: '#5' }
    const option = dressed(
      { tooltip: { renderMode: 'html', trigger: 'item' }, xAxis: { type: 'category' } },
      colours,
      true,
    )
    expect(option.tooltip).toMatchObject({ renderMode: 'richText', trigger: 'item', backgroundColor: '#5' })
    expect(option.xAxis).toMatchObject({ type: 'category', axisLabel: { color: '#3' } })
    expect(option.animation).toBe(false)
  })
})

it('goes back to the list as it was left, and to the plain list for who came from elsewhere', async () => {
  const { wrapper, router } = await mountPage(PageHead, { path: '/orders/1', props: { title: 'A1', back: '/orders' } })
  const back = vi.spyOn(router, 'back').mockImplementation(() => undefined)
  history.replaceState({ back: '/orders?store=s1' }, '')
  await wrapper.get('.back').trigger('click')
  expect(back).toHaveBeenCalledOnce()
  history.replaceState({ back: '/members/7' }, '')
  await wrapper.get('.back').trigger('click')
  await flushPromises()
  expect(back).toHaveBeenCalledOnce()
  expect(router.currentRoute.value.fullPath).toBe('/orders')
  history.replaceState(null, '')
})
