/** The way in and out: who isn't logged in, one-time passwords, sessions that end, permissions. */
import { flushPromises, mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { describe, expect, it, test, vi } from 'vitest'
import { createMemoryHistory, type Router } from 'vue-router'
import App from './App.vue'
import { rooms } from './rooms'
import { makeRouter, safeNext } from './router'
import { api, ok } from '@/shared/api'
import { kept } from '@/shared/kept'
import { defineRoom } from '@/shared/room'
import { useSession } from '@/shared/session'
import { answering, refusal, SESSION, type Answers, type Call } from '@/shared/testing/mount'
import { i18n } from '@/shared/words'

const page = (text: string) => async () => ({ default: { template: `<h1 tabindex="-1">${text}</h1>` } })
const BROKEN = {
  render: () => null,
  setup(): void {
    throw new Error('bad')
  },
}
const ROOMS = [
  defineRoom({
    name: 'orders',
    title: { zh: '订单', en: 'Orders' },
    icon: { template: '<i />' },
    group: 'work',
    order: 1,
    permission: 'orders:read',
    pages: [{ path: '/orders', page: page('all orders') }],
  }),
  defineRoom({
    name: 'staff',
    title: { zh: '员工', en: 'Staff' },
    icon: { template: '<i />' },
    group: 'setup',
    order: 1,
    permission: 'staff:read',
    pages: [
      { path: '/staff', page: page('everybody') },
      { path: '/staff/broken', page: async () => ({ default: BROKEN }) },
    ],
  }),
]
rooms.splice(0, rooms.length, ...ROOMS)
const NOBODY = refusal(401, 'unauthorized', '请先登录')

async function open(
  path: string,
  answers: Answers,
): Promise<{ text: () => string; router: Router; calls: Call[]; html: ReturnType<typeof mount> }> {
  const calls = answering(answers)
  const pinia = createPinia()
  setActivePinia(pinia)
  const router = makeRouter(createMemoryHistory())
  const html = mount(App, { global: { plugins: [pinia, router, i18n] }, attachTo: document.body })
  await router.push(path).catch(() => undefined)
  await flushPromises()
  return { text: () => html.text(), router, calls, html }
}

async function fill(html: ReturnType<typeof mount>, values: Record<string, string>): Promise<void> {
  for (const [name, value] of Object.entries(values)) await html.get(`input[name=${name}]`).setValue(value)
  await html.get('form').trigger('submit')
  await flushPromises()
}

describe('who is not logged in', () => {
  it('is asked to, and comes back to where they wanted to go', async () => {
    let answer: unknown = NOBODY
    const { html, router, calls } = await open('/staff?tab=2', {
      'GET /v1/session': () => (typeof answer === 'function' ? answer() : answer),
      'POST /v1/session': () => (answer = SESSION),
    })
    expect(router.currentRoute.value.fullPath).toBe('/login?next=/staff?tab=2')
    expect(html.text()).not.toContain('登录已过期')
    await fill(html, { merchant: ' shop ', login: 'owner', password: ' secret ' })
    expect(calls.at(-1)?.body).toEqual({ merchant: 'shop', login: 'owner', password: ' secret ' })
    expect(router.currentRoute.value.fullPath).toBe('/staff?tab=2')
    expect(html.text()).toContain('everybody')
    expect(document.title).toBe('员工 · 测试小店 · 会盟')
    expect(kept('merchant')).toBe('shop')
    expect(JSON.stringify({ ...localStorage })).not.toContain('secret')
  })

  it('is told what is missing, and what was wrong, and keeps what was typed', async () => {
    const wrong = refusal(401, 'login_failed', '登录名或密码不对')
    const { html, calls } = await open('/?merchant=demo', { 'GET /v1/session': NOBODY, 'POST /v1/session': wrong })
    expect(html.get<HTMLInputElement>('input[name=merchant]').element.value).toBe('demo')
    await html.get('form').trigger('submit')
    expect(html.findAll('.field .wrong').map((each) => each.text())).toEqual(['请填写', '请填写'])
    expect(calls.filter((call) => call.method === 'POST')).toEqual([])
    await fill(html, { login: 'owner', password: 'x' })
    expect(html.get('[role=alert]').text()).toBe('登录名或密码不对')
    expect(html.get<HTMLInputElement>('input[name=login]').element.value).toBe('owner')
  })

  test.each([
    ['/orders?x=1#y', '/orders?x=1#y'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['https://evil.example', '/'],
    ['javascript:alert(1)', '/'],
    [undefined, '/'],
    [['/a', '/b'], '/'],
  ])('is sent nowhere else by %s', (next, path) => expect(safeNext(next)).toBe(path))
})

it('lets nobody past a one-time password', async () => {
  const changed = { ...SESSION, csrf_token: 'new' }
  const { html, router, calls } = await open('/staff', {
    'GET /v1/session': { ...SESSION, must_change_password: true },
    'POST /v1/session/password': (call: Call) =>
      (call.body as { new_password: string }).new_password === '12345678'
        ? refusal(422, 'weak_password', '密码太容易猜')()
        : changed,
  })
  expect(router.currentRoute.value.path).toBe('/password')
  expect(html.text()).toContain('一次性密码')
  await router.push('/orders')
  expect(router.currentRoute.value.path).toBe('/password')
  const [current, own, again] = html.findAll('input[type=password]')
  await current?.setValue('one-time')
  await own?.setValue('12345678')
  await again?.setValue('1234567')
  await html.get('form').trigger('submit')
  expect(html.text()).toContain('两次输入的新密码不一样')
  expect(calls.some((call) => call.method === 'POST')).toBe(false)
  await again?.setValue('12345678')
  await html.get('form').trigger('submit')
  await flushPromises()
  expect(html.findAll('.field .wrong').map((each) => each.text())).toEqual(['密码太容易猜'])
  await own?.setValue('tea for two')
  await again?.setValue('tea for two')
  await html.get('form').trigger('submit')
  await flushPromises()
  expect(router.currentRoute.value.path).toBe('/orders')
})

it('goes to the log-in when the session ends, and says why', async () => {
  const { html, router } = await open('/orders', { 'GET /v1/session': SESSION, 'GET /v1/stores': NOBODY })
  await expect(ok(api.GET('/v1/stores'))).rejects.toThrow('请先登录')
  await flushPromises()
  expect(router.currentRoute.value.query).toEqual({ next: '/orders', expired: '1' })
  expect(html.text()).toContain('登录已过期')
  expect(useSession().current).toBeNull()
})

it('shows each person what they may open, and says so where they may not', async () => {
  const { html, router } = await open('/', { 'GET /v1/session': { ...SESSION, permissions: ['orders:read'] } })
  expect(router.currentRoute.value.path).toBe('/orders')
  const menu = html.findAll('.aside nav a').map((each) => each.text())
  expect(menu).toEqual(['订单'])
  await router.push('/staff')
  await flushPromises()
  expect(html.get('main').text()).toContain('没有权限')
  expect(html.text()).not.toContain('everybody')
  await router.push('/nonsense')
  await flushPromises()
  expect(html.get('main').text()).toContain('没有这个页面')
})

it('keeps a fault within the page that has it', async () => {
  vi.stubGlobal('reportError', vi.fn())
  const { html, router } = await open('/orders', { 'GET /v1/session': SESSION })
  await router.push('/staff/broken')
  await flushPromises()
  expect(html.get('main').text()).toContain('页面出错了')
  await router.push('/orders')
  await flushPromises()
  expect(html.get('main').text()).toBe('all orders')
})

it('greets who may open nothing', async () => {
  const { html } = await open('/', { 'GET /v1/session': { ...SESSION, permissions: [] } })
  expect(html.text()).toContain('你的账号还没有可以看的页面')
})

it('says so when the server can not even be asked who is there', async () => {
  const { html } = await open('/orders', { 'GET /v1/session': refusal(500, 'internal_error', '系统出错,已记录') })
  expect(html.get('[role=alert]').text()).toContain('系统出错,已记录')
})

it('speaks the other language at once, to the API too', async () => {
  const { html, calls } = await open('/orders', { 'GET /v1/session': SESSION, 'GET /v1/stores': { items: [] } })
  await html.get('.top .lang').trigger('click')
  expect(html.get('.aside nav').text()).toContain('Orders')
  expect(document.documentElement.lang).toBe('en')
  await ok(api.GET('/v1/stores'))
  expect(calls.at(-1)?.headers.get('accept-language')).toBe('en')
})

it('logs out and keeps the merchant for the next one', async () => {
  const { html, router, calls } = await open('/orders', {
    'GET /v1/session': SESSION,
    'DELETE /v1/session': () => new Response(null, { status: 204 }),
  })
  await html.get('.account').trigger('click')
  await flushPromises()
  await html.findAll('.deeds button')[1]?.trigger('click')
  await flushPromises()
  expect(calls.at(-1)?.headers.get('x-csrf-token')).toBe('csrf')
  expect(router.currentRoute.value.fullPath).toBe('/login?merchant=shop')
})
