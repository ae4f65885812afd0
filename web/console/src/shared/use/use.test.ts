import { flushPromises } from '@vue/test-utils'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { effectScope, nextTick, ref } from 'vue'
import { usePages } from './pages'
import { useQuery } from './query'
import { useSubmit } from './submit'
import { Problem } from '@/shared/api'
import { problemOf } from '@/shared/api/problem'
import { sturdyFetch } from '@/shared/api/sturdy'

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function within<T>(make: () => T): T {
  const made = effectScope().run(make)
  if (made === undefined) throw new Error('nothing was made')
  return made
}

describe('useSubmit', () => {
  it('keeps the key for the same body until it is answered, and takes a new one for another', async () => {
    const keys: string[] = []
    let fails = 2
    const save = useSubmit(async (key, _body: { name: string }) => {
      keys.push(key)
      if (fails-- > 0) throw new Problem(0, 'network', 'away')
      return 1
    })
    await save.send({ name: 'a' })
    expect(save.error?.code).toBe('network')
    await save.send({ name: 'a' })
    await save.send({ name: 'a' })
    expect(save.error).toBeNull()
    await save.send({ name: 'a' })
    await save.send({ name: 'b' })
    expect(keys[0]).toBe(keys[1])
    expect(keys[1]).toBe(keys[2])
    expect(new Set(keys).size).toBe(3)
  })

  it('sends once, however often it is pressed', async () => {
    let answer: (value: number) => void = () => undefined
    const act = vi.fn(() => new Promise<number>((resolve) => (answer = resolve)))
    const done = vi.fn()
    const save = useSubmit(act, { done })
    const first = save.send()
    await save.send()
    expect([act.mock.calls.length, save.busy]).toEqual([1, true])
    answer(7)
    await first
    expect(done.mock.calls).toEqual([[7]])
    expect(save.busy).toBe(false)
  })

  it('says at a field what is wrong with it, and everything else above the form', async () => {
    const refused = (field: string): Problem =>
      problemOf(400, { code: 'invalid_input', detail: 'whole', field, reason_zh: '不能为空', reason: 'empty' }, null)
    let field = 'body.name'
    const save = useSubmit(async () => Promise.reject(refused(field)), { fields: ['name', 'lines'] })
    await save.send()
    expect([save.wrong('name'), save.error]).toEqual(['不能为空', null])
    field = 'lines[0].sku'
    await save.send()
    expect([save.wrong('name'), save.wrong('lines'), save.error]).toEqual(['', '不能为空', null])
    field = 'other'
    await save.send()
    expect([save.wrong('lines'), save.error?.message]).toEqual(['', 'whole'])
  })
})

describe('useQuery', () => {
  it('reads again when what it depends on changes, and only the newest answer counts', async () => {
    const asked = ref(1)
    const answers: ((value: string) => void)[] = []
    const signals: AbortSignal[] = []
    const scope = effectScope()
    const query = scope.run(() =>
      useQuery(
        (signal) => {
          signals.push(signal)
          return new Promise<string>((resolve) => answers.push(resolve))
        },
        () => asked.value,
      ),
    )
    asked.value = 2
    await nextTick()
    expect(signals[0]?.aborted).toBe(true)
    answers[1]?.('new')
    answers[0]?.('old')
    await flushPromises()
    expect([query?.data, query?.loading]).toEqual(['new', false])
    asked.value = 3
    await nextTick()
    expect([query?.data, query?.loading]).toEqual(['new', true])
    scope.stop()
    expect(signals[2]?.aborted).toBe(true)
  })

  it('does not read again when a fresh list holds the same parts', async () => {
    const form = ref({ shop: 's1', note: '' })
    const read = vi.fn(() => Promise.resolve(1))
    within(() => useQuery(read, () => [form.value.shop]))
    form.value = { ...form.value, note: 'x' }
    await nextTick()
    expect(read).toHaveBeenCalledTimes(1)
    form.value = { ...form.value, shop: 's2' }
    await nextTick()
    expect(read).toHaveBeenCalledTimes(2)
  })
})

describe('usePages', () => {
  it('walks by cursor and goes back to the first page when the question changes', async () => {
    const filter = ref('a')
    const read = vi.fn(async (cursor: string | undefined) => ({
      items: [`${filter.value}${cursor ?? 0}`],
      next_cursor: cursor === '2' ? null : cursor ? '2' : '1',
    }))
    const pages = within(() => usePages(read, () => filter.value))
    await flushPromises()
    pages.next()
    await flushPromises()
    pages.next()
    await flushPromises()
    expect([pages.items, pages.number, pages.hasNext]).toEqual([['a2'], 3, false])
    pages.previous()
    await flushPromises()
    expect([pages.items, pages.hasNext]).toEqual([['a1'], true])
    filter.value = 'b'
    await flushPromises()
    expect([pages.items, pages.number, pages.hasPrevious]).toEqual([['b0'], 1, false])
    expect(read.mock.calls.at(-1)?.[0]).toBeUndefined()
  })
})

describe('sturdyFetch', () => {
  const busy = (): Response => new Response(null, { status: 429, headers: { 'Retry-After': '1' } })

  async function tried(request: Request, answers: (() => Response)[]): Promise<[number, number | string]> {
    vi.useFakeTimers()
    const fetch = vi.fn(async () => (answers[fetch.mock.calls.length - 1] ?? busy)())
    vi.stubGlobal('fetch', fetch)
    const asked = sturdyFetch(request).then(
      (answer) => answer.status,
      (error: unknown) => (error as Problem).code,
    )
    await vi.runAllTimersAsync()
    return [fetch.mock.calls.length, await asked]
  }
  const lost = (): never => {
    throw new TypeError('failed to fetch')
  }
  const good = (): Response => new Response('{}')
  const at = 'http://localhost/v1/'

  it('asks again for what only reads', async () => {
    expect(await tried(new Request(at + 'stores'), [lost, busy, good])).toEqual([3, 200])
    expect(await tried(new Request(at + 'stores'), [lost, lost, lost])).toEqual([3, 'network'])
    expect(await tried(new Request(at + 'orders/quote', { method: 'POST', body: '{}' }), [busy, good])).toEqual([
      2, 200,
    ])
  })

  it('tells at once of a write, and of what takes longer than anybody waits', async () => {
    expect(await tried(new Request(at + 'stores', { method: 'POST', body: '{}' }), [lost, good])).toEqual([
      1,
      'network',
    ])
    expect(await tried(new Request(at + 'stores', { method: 'POST', body: '{}' }), [busy, good])).toEqual([1, 429])
    const long = (): Response => new Response(null, { status: 503, headers: { 'Retry-After': '60' } })
    expect(await tried(new Request(at + 'stores'), [long, good])).toEqual([1, 503])
  })
})
