/** Requests that meet the end of a session, apart from the dialog: see app/entry.test. */
import { flushPromises } from '@vue/test-utils'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { api, isAbort, ok, upload } from '.'
import { carried } from './lasting'
import { answering, refusal } from '@/shared/testing/mount'

const NOBODY = refusal(401, 'unauthorized', '请先登录')
let back: (yes: boolean) => void = () => undefined

beforeEach(() => {
  carried.csrf = 'old'
  carried.comeBack = vi.fn(() => new Promise<boolean>((resolve) => (back = resolve)))
})
afterEach(() => {
  vi.unstubAllGlobals()
  carried.comeBack = async () => false
})

it('waits no longer than the page that asks stays', async () => {
  const calls = answering({ 'GET /v1/stores': NOBODY })
  const page = new AbortController()
  const told = ok(api.GET('/v1/stores', { signal: page.signal })).catch((error: unknown) => error)
  await flushPromises()
  page.abort()
  expect(isAbort(await told)).toBe(true)
  back(true)
  await flushPromises()
  expect(calls).toHaveLength(1)
})

it('asks nobody about other refusals, nor about the session itself', async () => {
  const wrong = refusal(401, 'login_failed', '密码不对')
  answering({ 'GET /v1/stores': wrong, 'DELETE /v1/session': NOBODY })
  await expect(ok(api.GET('/v1/stores'))).rejects.toThrow('密码不对')
  await expect(ok(api.DELETE('/v1/session'))).rejects.toThrow('请先登录')
  expect(carried.comeBack).not.toHaveBeenCalled()
})

it('sends a file again as a whole, with its key and the new token', async () => {
  const sent: [Record<string, string>, unknown][] = []
  vi.stubGlobal(
    'XMLHttpRequest',
    class extends EventTarget {
      upload = new EventTarget()
      status = 0
      responseText = ''
      private headers: Record<string, string> = {}
      open(): void {}
      setRequestHeader(name: string, value: string): void {
        this.headers[name] = value
      }
      getResponseHeader = (): null => null
      send(file: unknown): void {
        sent.push([this.headers, file])
        this.status = sent.length === 1 ? 401 : 202
        this.responseText = JSON.stringify(sent.length === 1 ? { code: 'unauthorized' } : { import_id: '1' })
        this.dispatchEvent(new Event('load'))
      }
    },
  )
  const file = new File(['a'], 'a.csv')
  const options = { key: 'k', told: () => undefined, signal: new AbortController().signal }
  const done = upload('/v1/imports', {}, file, options)
  await flushPromises()
  expect(sent).toHaveLength(1)
  carried.csrf = 'new'
  back(true)
  expect(await done).toEqual({ import_id: '1' })
  expect(sent.map(([headers, body]) => [headers['Idempotency-Key'], headers['X-CSRF-Token'], body === file])).toEqual([
    ['k', 'old', true],
    ['k', 'new', true],
  ])
})

it('says when nobody is at the page', async () => {
  const calls = answering({ 'GET /v1/stores': { items: [], next_cursor: null } })
  const said: (string | null)[] = []
  const answer = fetch
  vi.stubGlobal('fetch', (request: Request) => {
    said.push(request.headers.get('X-Unattended'))
    return answer(request)
  })
  vi.useFakeTimers({ toFake: ['Date'] })
  dispatchEvent(new Event('keydown'))
  await ok(api.GET('/v1/stores'))
  vi.advanceTimersByTime(60_000)
  await ok(api.GET('/v1/stores'))
  dispatchEvent(new Event('pointerdown'))
  await ok(api.GET('/v1/stores'))
  vi.useRealTimers()
  expect(said).toEqual([null, '1', null])
  expect(calls).toHaveLength(3)
})
