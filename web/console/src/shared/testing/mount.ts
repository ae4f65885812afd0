/**
 * Mounts a page as it stands in the console: with words, stores and routes, and a fetch that answers as the API would.
 *
 *   const { wrapper, calls } = await mountPage(StoreList, {
 *     path: '/stores', permissions: ['settings:read'],
 *     answers: { 'GET /v1/stores': { items: [], next_cursor: null } } })
 */
import { readFileSync } from 'node:fs'
import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { vi } from 'vitest'
import type { Component } from 'vue'
import { createMemoryHistory, createRouter, type Router } from 'vue-router'
import type { Schemas } from '@/shared/api'
import { useSession } from '@/shared/session'
import { i18n } from '@/shared/words'

export interface Call {
  method: string
  path: string
  query: Record<string, string>
  body: unknown
  headers: Headers
}

/** What a route answers: a body, or a function of the call, also one that takes its time; a Response of your own for refusals (see refusal). */
export type Answers = Record<string, unknown>

export const refusal = (status: number, code: string, detail: string, more: object = {}): (() => Response) => {
  return () =>
    Response.json(
      { type: code, title: code, status, code, detail, ...more },
      { status, headers: { 'Content-Type': 'application/problem+json' } },
    )
}

type Operation = { parameters?: { in: string; name: string }[] }

const promised = JSON.parse(readFileSync('../../docs/openapi.json', 'utf-8')) as {
  paths: Record<string, Record<string, Operation>>
}
const OPERATIONS = Object.entries(promised.paths)
  // Of two paths that fit, such as /orders/quote and /orders/{order_id}, the one without a gap.
  .toSorted(([first], [second]) => first.split('{').length - second.split('{').length)
  .map(([path, methods]) => ({ fits: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`), methods }))

/** The names in its query that the API refuses. */
function unknownIn(call: Call): string[] {
  const operation = OPERATIONS.find(({ fits }) => fits.test(call.path))?.methods[call.method.toLowerCase()]
  const asked = (operation?.parameters ?? []).filter((each) => each.in === 'query')
  const known = new Set(asked.map((each) => each.name))
  return Object.keys(call.query).filter((name) => !known.has(name))
}

/** Replaces fetch; what no answer is given for, or what the API would not take, fails the test by a 599. */
export function answering(answers: Answers): Call[] {
  const calls: Call[] = []
  vi.stubGlobal('fetch', async (request: Request) => {
    const url = new URL(request.url)
    const text = await request.text()
    const call: Call = {
      method: request.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      body: text ? JSON.parse(text) : undefined,
      headers: request.headers,
    }
    calls.push(call)
    const name = `${call.method} ${call.path}`
    const unknown = unknownIn(call)
    if (unknown.length) return new Response(`${name} takes no ${unknown.join(', ')}`, { status: 599 })
    if (!(name in answers)) return new Response(`no answer for ${name}`, { status: 599 })
    const given = answers[name]
    const found: unknown = await (typeof given === 'function' ? (given as (call: Call) => unknown)(call) : given)
    return found instanceof Response ? found : Response.json(found ?? null, { headers: { ETag: '"tag"' } })
  })
  return calls
}

export const SESSION: Schemas['SessionOut'] = {
  csrf_token: 'csrf',
  must_change_password: false,
  permissions: ['*'],
  merchant: {
    merchant_id: 1,
    code: 'shop',
    name: '测试小店',
    currency: 'CNY',
    timezone: 'Asia/Shanghai',
    day_cut_minutes: 0,
    industry: 'retail',
    legal_form: 'company',
    status: 'active',
    created_at: '2026-01-01T00:00:00Z',
  },
  staff: {
    staff_id: 1,
    login: 'owner',
    name: '老王',
    role: 'owner',
    phone: null,
    stores: null,
    active: true,
    must_change_password: false,
    created_at: '2026-01-01T00:00:00Z',
    last_login_at: null,
    locked_until: null,
  },
  session: {
    session_id: '1',
    agent: '',
    ip: '127.0.0.1',
    current: true,
    created_at: '2026-01-01T00:00:00Z',
    seen_at: '2026-01-01T00:00:00Z',
    expires_at: '2030-01-01T00:00:00Z',
  },
}

/** Among the answers: the session of a merchant who trades in this currency. */
export const tradingIn = (currency: string): Answers => ({
  'GET /v1/session': { ...SESSION, merchant: { ...SESSION.merchant, currency } },
})

interface Options {
  path?: string
  props?: Record<string, unknown>
  permissions?: string[]
  answers?: Answers
}

export async function mountPage(
  page: Component,
  { path = '/', props = {}, permissions = ['*'], answers = {} }: Options = {},
): Promise<{ wrapper: VueWrapper; router: Router; calls: Call[] }> {
  const calls = answering({ 'GET /v1/session': { ...SESSION, permissions }, ...answers })
  const pinia = createPinia()
  setActivePinia(pinia)
  await useSession().load()
  calls.length = 0
  const router = createRouter({
    history: createMemoryHistory(),
    routes: [{ path: '/:rest(.*)*', component: { render: () => null } }],
  })
  await router.push(path)
  const wrapper = mount(page, { props, global: { plugins: [pinia, router, i18n] }, attachTo: document.body })
  await flushPromises()
  return { wrapper, router, calls }
}
