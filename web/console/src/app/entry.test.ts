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
import { soon } from '@/shared/testing/soon'
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
      { path: '/staff/new', page: async () => ({ default: { template: '<input id="typed" />' } }) },
      { path: '/staff/away', page: () => Promise.reject(new Error('Unable to preload CSS for /assets/Away.css')) },
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
  expect(html.text()).not.toContain('密码太容易猜')
  await again?.setValue('tea for two')
  await html.get('form').trigger('submit')
  await flushPromises()
  expect(router.currentRoute.value.path).toBe('/orders')
})

it('lets out who came with a one-time password', async () => {
  const { html, router } = await open('/staff', {
    'GET /v1/session': { ...SESSION, must_change_password: true },
    'DELETE /v1/session': () => new Response(null, { status: 204 }),
  })
  await html.get('button.leave').trigger('click')
  await flushPromises()
  expect(router.currentRoute.value.fullPath).toBe('/login?merchant=shop')
})

describe('whose session ends in the middle', () => {
  const OTHER = { ...SESSION, csrf_token: 'other', staff: { ...SESSION.staff, staff_id: 2, name: '小李' } }
  const again = { ...SESSION, csrf_token: 'again' }

  /** A form with something typed into it, sent after the session has ended; the log-in answers as given. */
  async function interrupted(entered: unknown, more: Answers = {}) {
    let over = true
    const saved = vi.fn()
    const opened = await open('/staff/new', {
      'GET /v1/session': SESSION,
      'POST /v1/stores': () => (over ? NOBODY() : { store_id: 1 }),
      'GET /v1/stores': () => (over ? NOBODY() : { items: [] }),
      'POST /v1/session': () => {
        over = false
        return typeof entered === 'function' ? entered() : entered
      },
      ...more,
    })
    await opened.html.get('#typed').setValue('long and winding')
    const params = { header: { 'Idempotency-Key': 'k1' } }
    const body = { code: 's1', name: 'long and winding' }
    void ok(api.POST('/v1/stores', { params, body })).then(saved, saved)
    await dialogOpens(opened.html)
    const sent = (path: string) => opened.calls.filter((call) => call.method === 'POST' && call.path === path)
    return { ...opened, saved, sent }
  }

  async function dialogOpens(html: ReturnType<typeof mount>): Promise<void> {
    await soon(() => expect(html.find('dialog[open] h2').exists()).toBe(true))
  }

  it('logs in over the page, and what was sent goes out again with its key', async () => {
    const { html, saved, sent, calls, router } = await interrupted(again)
    expect(html.get('dialog[open]').text()).toContain('老王重新登录后接着做')
    expect(html.get<HTMLInputElement>('input[name=merchant]').element.value).toBe('shop')
    expect(html.get<HTMLInputElement>('input[name=login]').element.value).toBe('owner')
    await soon(() => expect(document.activeElement).toBe(html.get('input[name=password]').element))
    const read = ok(api.GET('/v1/stores'))
    await fill(html, { password: 'secret' })
    expect(await read).toEqual({ items: [] })
    await soon(() => expect(saved.mock.calls).toEqual([[{ store_id: 1 }]]))
    const told = sent('/v1/stores').map(({ headers, body }) => [
      headers.get('idempotency-key'),
      headers.get('x-csrf-token'),
      body,
    ])
    const body = { code: 's1', name: 'long and winding' }
    expect(told).toEqual([
      ['k1', 'csrf', body],
      ['k1', 'again', body],
    ])
    expect(html.find('dialog[open] h2').exists()).toBe(false)
    expect(html.get<HTMLInputElement>('#typed').element.value).toBe('long and winding')
    expect(router.currentRoute.value.path).toBe('/staff/new')
    expect(calls.filter((call) => call.path === '/v1/session').map((call) => call.method)).toEqual(['GET', 'POST'])
  })

  it('is told what was wrong, and the page waits', async () => {
    const { html, sent } = await interrupted(refusal(401, 'login_failed', '登录名或密码不对'))
    await html.get('dialog form').trigger('submit')
    expect(html.get('dialog .wrong').text()).toBe('请填写')
    await fill(html, { password: 'x' })
    expect(html.get('dialog [role=alert]').text()).toBe('登录名或密码不对')
    expect(sent('/v1/stores')).toHaveLength(1)
    // Nor does Escape take it away.
    const escape = new KeyboardEvent('keydown', { key: 'Escape', bubbles: true, cancelable: true })
    html.get('dialog input').element.dispatchEvent(escape)
    expect(escape.defaultPrevented).toBe(true)
    expect(html.find('dialog[open] h2').exists()).toBe(true)
  })

  it('leaves nothing to see for somebody else, and sends nothing in their name', async () => {
    const replace = vi.spyOn(location, 'replace').mockReturnValue()
    const { html, sent } = await interrupted(OTHER)
    await fill(html, { login: 'li', password: 'secret' })
    expect(replace.mock.calls).toEqual([['/']])
    expect(html.text().trim()).toBe('员工')
    expect(html.find('#typed').exists()).toBe(false)
    expect(sent('/v1/stores')).toHaveLength(1)
    replace.mockRestore()
  })

  it('goes to the log-in when they leave, and says why', async () => {
    const { html, router, saved, sent } = await interrupted(again)
    await html.get('dialog .leave button').trigger('click')
    await soon(() => expect(router.currentRoute.value.query).toEqual({ next: '/staff/new', expired: '1' }))
    await flushPromises()
    expect(html.text()).toContain('登录已过期')
    expect(html.find('dialog[open]').exists()).toBe(false)
    expect(useSession().current).toBeNull()
    expect([saved.mock.calls[0]?.[0].code, sent('/v1/stores').length]).toEqual(['unauthorized', 1])
  })

  it('chooses a password first when they come with a one-time one', async () => {
    const { html, saved } = await interrupted(
      { ...again, must_change_password: true },
      { 'POST /v1/session/password': { ...again, csrf_token: 'own' } },
    )
    await fill(html, { password: 'one-time' })
    await soon(() => expect(html.get('dialog[open] h2').text()).toBe('修改密码'))
    expect(saved).not.toHaveBeenCalled()
    for (const input of html.findAll('dialog input[type=password]')) await input.setValue('tea for two')
    await html.get('dialog form').trigger('submit')
    await soon(() => expect(saved.mock.calls).toEqual([[{ store_id: 1 }]]))
    expect(html.get<HTMLInputElement>('#typed').element.value).toBe('long and winding')
    expect(html.find('dialog[open] h2').exists()).toBe(false)
  })

  it('is back when they log in in another window, whose token is taken', async () => {
    let found: unknown = SESSION
    const { html, saved, sent } = await interrupted(again, { 'GET /v1/session': () => found })
    found = again
    // The server knows the new session, whichever window began it.
    await api.POST('/v1/session', { body: { merchant: 'shop', login: 'owner', password: 'x' } })
    dispatchEvent(new StorageEvent('storage', { key: 'huimeng.entered' }))
    await soon(() => expect(saved.mock.calls).toEqual([[{ store_id: 1 }]]))
    expect(sent('/v1/stores').at(-1)?.headers.get('x-csrf-token')).toBe('again')
    expect(html.find('dialog[open] h2').exists()).toBe(false)
  })

  it('makes room when somebody else logs in in another window', async () => {
    const replace = vi.spyOn(location, 'replace').mockReturnValue()
    let found: unknown = SESSION
    const { html } = await open('/orders', { 'GET /v1/session': () => found })
    dispatchEvent(new StorageEvent('storage', { key: 'huimeng.entered' }))
    await flushPromises()
    expect([html.text().includes('all orders'), replace.mock.calls]).toEqual([true, []])
    found = OTHER
    dispatchEvent(new StorageEvent('storage', { key: 'huimeng.entered' }))
    await flushPromises()
    expect([html.text().includes('all orders'), replace.mock.calls]).toEqual([false, [['/']]])
    replace.mockRestore()
  })

  it('logs out without being asked to log in', async () => {
    const { html, router } = await open('/orders', { 'GET /v1/session': SESSION, 'DELETE /v1/session': NOBODY })
    await html.get('.account').trigger('click')
    await flushPromises()
    await html.findAll('.deeds button')[1]?.trigger('click')
    await flushPromises()
    expect(router.currentRoute.value.fullPath).toBe('/login?merchant=shop')
  })
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
  const { html } = await open('/orders', { 'GET /v1/session': refusal(500, 'internal_error', '系统出错，已记录') })
  expect(html.get('[role=alert]').text()).toContain('系统出错，已记录')
})

describe('a page whose files can not be had', () => {
  async function towards(more: Answers) {
    const assign = vi.spyOn(location, 'assign').mockReturnValue()
    const opened = await open('/orders', { 'GET /v1/session': SESSION, ...more })
    await opened.router.push('/staff/away').catch(() => undefined)
    await flushPromises()
    return { ...opened, assign }
  }
  const gone = (): never => {
    throw new TypeError('failed to fetch')
  }

  it('is told over the one that is open, and gone to once the server is there', async () => {
    let health: unknown = gone
    const { html, assign, router } = await towards({ 'HEAD /healthz': () => (health as () => Response)() })
    expect(html.get('.beyond').text()).toContain('连不上服务器')
    expect([html.get('main').text(), router.currentRoute.value.path]).toEqual(['all orders', '/orders'])
    await html.get('.beyond button').trigger('click')
    await flushPromises()
    expect([html.find('.beyond').exists(), assign.mock.calls]).toEqual([true, []])
    health = () => new Response(null)
    await html.get('.beyond button').trigger('click')
    await flushPromises()
    expect(assign.mock.calls).toEqual([['/staff/away']])
    assign.mockRestore()
  })

  it('is loaded anew once when an update took their place', async () => {
    const { assign } = await towards({ 'HEAD /healthz': () => new Response(null) })
    expect(assign.mock.calls).toEqual([['/staff/away']])
    sessionStorage.removeItem('renewed')
    assign.mockRestore()
  })
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
