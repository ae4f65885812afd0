/**
 * One till: the bill that is typed, its quote, and completing it exactly once.
 *
 * An order on its way is kept in the tab before it is sent, with its key and number. A lost answer, a second tap or a
 * reload send the very same again, which the API books once. What is typed survives a reload too.
 */
import { computed, getCurrentScope, onScopeDispose, reactive, ref, shallowRef, watch } from 'vue'
import { bodyOf, emptyBill, makeOrderNo, TENDERS, type Bill, type Customer } from './bill'
import { api, asProblem, isAbort, ok, type Problem, type Schemas } from '@/shared/api'
import { keep, kept } from '@/shared/kept'

type BillIn = Schemas['BillIn']

export interface Pending {
  key: string
  order: Schemas['OrderIn']
  customer: Customer | null
  /** How often it was sent. */
  tries: number
}

export interface Done {
  order: Schemas['CompletedOut']
  customer: Customer | null
}

const PAUSE_MS = 250
const ANEW_MS = 5_000
const AGAIN_MS = [3_000, 6_000, 12_000, 30_000]

/** In the tab, so that a reload finds it and another person's log-in does not. */
function shelf(name: string) {
  const place = 'huimeng.till.' + name
  return {
    read(): { bill?: Bill; pending?: Pending | null } {
      try {
        return JSON.parse(sessionStorage.getItem(place) ?? '{}') as { bill?: Bill; pending?: Pending | null }
      } catch {
        return {}
      }
    },
    write(bill: Bill, pending: Pending | null): void {
      try {
        sessionStorage.setItem(place, JSON.stringify({ bill, pending }))
      } catch {
        // Storage is switched off or full; then a reload forgets what was typed.
      }
    },
  }
}

function newBill(): Bill {
  const tender = TENDERS.find((each) => each === kept('till.tender')) ?? 'wechat'
  return emptyBill(kept('till.mode') === 'goods' ? 'goods' : 'amount', tender)
}

export function useTill(who: string, store: () => { code: string; timezone: string } | null) {
  const shelved = shelf(who)
  const before = shelved.read()
  const bill = reactive<Bill>({ ...newBill(), ...before.bill })
  const done = shallowRef<Done | null>(null)
  /** Whether the quote was made anew because the one before no longer held. */
  const requoted = ref(false)
  const body = computed(() => bodyOf(bill, store()?.code ?? ''))
  const quoting = useQuoting(() => body.value)
  const sending = useSending(before.pending ?? null, {
    kept: (pending) => shelved.write(bill, pending),
    booked: (order, customer) => {
      requoted.value = false
      Object.assign(bill, newBill())
      done.value = { order, customer }
    },
    outdated: () => {
      requoted.value = true
      void quoting.renew()
    },
  })
  watch(bill, () => shelved.write(bill, sending.pending), { deep: true })
  watch(
    () => [bill.mode, bill.tender],
    () => {
      keep('till.mode', bill.mode)
      keep('till.tender', bill.tender)
    },
  )
  watch(() => [body.value, bill.orderNo], sending.forget)
  const asking = ref(false)

  async function complete(): Promise<void> {
    if (!body.value || asking.value || sending.pending) return
    asking.value = true
    const wanted = body.value
    const quote = await quoting.now()
    asking.value = false
    // What was changed meanwhile is another bill, with a quote of its own to look at first.
    if (!quote || body.value !== wanted) return
    requoted.value = false
    const order_no = bill.orderNo.trim() || makeOrderNo(store()?.timezone ?? 'Asia/Shanghai')
    const order = { ...wanted, order_no, source: 'cashier', quote: quote.quote }
    const customer = bill.customer ? { ...bill.customer } : null
    await sending.start({ key: crypto.randomUUID(), order, customer, tries: 0 })
  }

  function next(): void {
    Object.assign(bill, newBill())
    requoted.value = false
    done.value = null
  }

  return reactive({ bill, body, quoting, sending, done, requoted, asking, complete, next })
}

interface Ends {
  kept: (pending: Pending | null) => void
  booked: (order: Schemas['CompletedOut'], customer: Customer | null) => void
  outdated: () => void
}

/**
 * An order on its way, until an answer says for sure whether it is booked. A till that was left sends nothing more:
 * somebody else may be logged in by then.
 */
function useSending(left: Pending | null, { kept: keepIt, booked, outdated }: Ends) {
  const pending = shallowRef<Pending | null>(left)
  const problem = shallowRef<Problem | null>(null)
  const busy = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined
  const scope = getCurrentScope()

  function set(now: Pending | null): void {
    pending.value = now
    keepIt(now)
  }

  async function send(): Promise<void> {
    if (!pending.value || busy.value || !scope?.active) return
    clearTimeout(timer)
    const mine = { ...pending.value, tries: pending.value.tries + 1 }
    // Kept before it goes out: a reload in this moment must find it.
    set(mine)
    busy.value = true
    problem.value = null
    try {
      const params = { header: { 'Idempotency-Key': mine.key } }
      const order = await ok(api.POST('/v1/orders', { params, body: mine.order }))
      if (pending.value !== mine) return
      booked(order, mine.customer)
      set(null)
    } catch (thrown) {
      if (pending.value === mine) refused(asProblem(thrown), mine)
    } finally {
      busy.value = false
    }
  }

  function refused(found: Problem, mine: Pending): void {
    problem.value = found
    if (unsure(found, mine.tries)) {
      timer = setTimeout(() => void send(), AGAIN_MS[Math.min(mine.tries, AGAIN_MS.length) - 1])
      return
    }
    set(null)
    if (found.code !== 'quote_expired' && found.code !== 'store_changed') return
    problem.value = null
    outdated()
  }

  function start(order: Pending): Promise<void> {
    set(order)
    return send()
  }

  /** Without knowing whether it was booked; what was typed stays. */
  function giveUp(): void {
    clearTimeout(timer)
    set(null)
    problem.value = null
  }

  function forget(): void {
    if (!pending.value) problem.value = null
  }

  const online = (): void => void send()
  addEventListener('online', online)
  onScopeDispose(() => {
    removeEventListener('online', online)
    clearTimeout(timer)
  })
  if (left) void send()
  return reactive({ pending, problem, busy, start, send, giveUp, forget })
}

export type Till = ReturnType<typeof useTill>

/** Whether the order may have been booked although no answer says so. */
function unsure(found: Problem, tries: number): boolean {
  // Logged out, or the session is another's now: what was sent before may be in.
  return found.passing || found.status === 401 || (found.status === 403 && tries > 1)
}

/** Keeps a quote for what is typed now. */
function useQuoting(body: () => BillIn | null) {
  const quote = shallowRef<Schemas['QuoteOut'] | null>(null)
  const problem = shallowRef<Problem | null>(null)
  const busy = ref(false)
  const text = computed(() => JSON.stringify(body()))
  let of = ''
  let running: AbortController | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  watch(
    text,
    () => {
      clearTimeout(timer)
      running?.abort()
      problem.value = null
      busy.value = Boolean(body())
      if (body()) timer = setTimeout(() => void read(), PAUSE_MS)
      else quote.value = null
    },
    { immediate: true },
  )
  // Nobody has to type anything again because the network was away.
  const online = (): void => {
    if (problem.value?.passing) void read()
  }
  addEventListener('online', online)
  onScopeDispose(() => {
    removeEventListener('online', online)
    clearTimeout(timer)
    running?.abort()
  })

  async function read(): Promise<Schemas['QuoteOut'] | null> {
    const asked = body()
    if (!asked) return null
    clearTimeout(timer)
    running?.abort()
    const mine = (running = new AbortController())
    const wanted = text.value
    busy.value = true
    try {
      const found = await ok(api.POST('/v1/orders/quote', { body: asked, signal: mine.signal }))
      if (mine !== running) return null
      of = wanted
      quote.value = found
      problem.value = null
      return found
    } catch (thrown) {
      if (mine !== running || isAbort(thrown)) return null
      problem.value = asProblem(thrown)
      if (problem.value.passing) timer = setTimeout(() => void read(), ANEW_MS)
      return null
    } finally {
      if (mine === running) busy.value = false
    }
  }

  /** That of what is typed now, asked for if it isn't there or is about to run out. */
  async function now(): Promise<Schemas['QuoteOut'] | null> {
    const held = quote.value
    const good = held && of === text.value && Date.parse(held.quote_expires_at) > Date.now() + 60_000
    return good ? held : read()
  }

  return reactive({ quote, problem, busy, now, renew: read })
}
