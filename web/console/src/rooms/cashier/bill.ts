/** The bill as a cashier types it, and what the API takes. Nothing here reads or writes anything. */
import type { Schemas } from '@/shared/api'
import { parseMoney, stepFen } from '@/shared/format'

export const TENDERS = [
  'wechat',
  'alipay',
  'cash',
  'card',
  'unionpay',
  'stored_value',
  'points',
  'coupon',
  'other',
] as const
export type Tender = (typeof TENDERS)[number]
/** What is only written down: nothing is taken from what the member holds. */
export const NOTED: readonly Tender[] = ['stored_value', 'points', 'coupon']
/** How most people pay; the others stand behind "more". */
export const USUAL: readonly Tender[] = TENDERS.slice(0, 4)

export interface Goods {
  id: number
  product: string
  sku: string
  category: string
  quantity: string
  price: string
}

/** Part of the sum that is paid another way; what is left is paid by the bill's tender. */
export interface Part {
  kind: Tender
  amount: string
}

export interface Customer {
  member_id: string
  /** Masked, as the API shows it. */
  name: string
  numbers: string
}

export interface Bill {
  mode: 'amount' | 'goods'
  amount: string
  goods: Goods[]
  tender: Tender
  parts: Part[]
  /** Empty: one is made when the order is completed. */
  orderNo: string
  customer: Customer | null
}

export type Wrong = 'missing' | 'money' | 'whole' | 'positive' | 'quantity' | 'too_much'

export function emptyGoods(id: number): Goods {
  return { id, product: '', sku: '', category: '', quantity: '1', price: '' }
}

export function emptyBill(mode: Bill['mode'], tender: Tender): Bill {
  return { mode, amount: '', goods: [emptyGoods(1)], tender, parts: [], orderNo: '', customer: null }
}

/** Fen of 12.5, 12.5元 or of a sum 12.5+3+0.8; null: it is no amount. */
export function sumTyped(typed: string): number | null {
  const parts = typed.normalize('NFKC').split('+')
  const amounts = parts.map(parseMoney)
  return amounts.every((fen) => fen !== null) ? amounts.reduce((sum, fen) => sum + fen, 0) : null
}

const QUANTITY = /^\d{1,9}(\.\d{1,4})?$/

/** As the API takes it, out of full-width digits too; null: it is no quantity. */
export function parseQuantity(typed: string): string | null {
  const text = typed.normalize('NFKC').trim()
  return QUANTITY.test(text) && Number(text) > 0 ? text : null
}

/** What was typed for money and is none: it may be one elsewhere. */
const noMoney = (): Wrong => (stepFen() > 1 ? 'whole' : 'money')

/** Price times quantity, half of the smallest amount up; exact, as both are whole numbers inside. */
export function lineFen(goods: Goods): number | null {
  const [price, quantity] = [parseMoney(goods.price), parseQuantity(goods.quantity)]
  if (price === null || quantity === null) return null
  const [whole, part = ''] = quantity.split('.')
  const times = BigInt(whole + part.padEnd(4, '0'))
  const step = BigInt(stepFen())
  return Number(((BigInt(price) * times + 5_000n * step) / (10_000n * step)) * step)
}

/** A row that nobody has typed into yet. */
export const isBlank = (goods: Goods): boolean =>
  !(goods.product.trim() || goods.sku.trim() || goods.category.trim() || goods.price.trim())

export function amountWrong(bill: Bill): Wrong | null {
  if (!bill.amount.trim()) return 'missing'
  const fen = sumTyped(bill.amount)
  if (fen === null) return noMoney()
  return fen > 0 ? null : 'positive'
}

export function goodsWrong(goods: Goods): { quantity?: Wrong; price?: Wrong } {
  if (isBlank(goods)) return {}
  const price = parseMoney(goods.price)
  return {
    ...(parseQuantity(goods.quantity) === null && { quantity: 'quantity' as const }),
    ...(price === null
      ? { price: goods.price.trim() ? noMoney() : ('missing' as const) }
      : price < 0 && { price: 'positive' as const }),
  }
}

/** What the bill comes to; null: it can't be told yet. */
export function totalFen(bill: Bill): number | null {
  if (bill.mode === 'amount') return amountWrong(bill) ? null : sumTyped(bill.amount)
  const rows = bill.goods.filter((goods) => !isBlank(goods))
  if (!rows.length || rows.some((goods) => Object.keys(goodsWrong(goods)).length)) return null
  const sum = rows.reduce((total, goods) => total + (lineFen(goods) ?? 0), 0)
  return sum > 0 ? sum : null
}

/** What is left for the bill's own tender when parts are paid another way; null: a part is no amount. */
export function restFen(bill: Bill): number | null {
  const total = totalFen(bill)
  if (total === null) return null
  const parts = bill.parts.map((part) => parseMoney(part.amount))
  if (!parts.every((fen) => fen !== null && fen > 0)) return null
  return parts.reduce<number>((rest, fen) => rest - (fen ?? 0), total)
}

export function partWrong(bill: Bill, part: Part): Wrong | null {
  const fen = parseMoney(part.amount)
  if (!part.amount.trim()) return 'missing'
  if (fen === null) return noMoney()
  if (fen <= 0) return 'positive'
  return (restFen(bill) ?? 0) < 0 ? 'too_much' : null
}

/** What the API quotes and completes; null while something is missing or wrong, or no store is chosen (''). */
export function bodyOf(bill: Bill, store: string): Schemas['BillIn'] | null {
  const total = totalFen(bill)
  const rest = restFen(bill)
  if (!store || total === null || rest === null || rest < 0) return null
  const parts = bill.parts.map((part) => ({ kind: part.kind as string, amount_fen: parseMoney(part.amount) ?? 0 }))
  const tenders = rest > 0 ? [{ kind: bill.tender, amount_fen: rest }, ...parts] : parts
  const whole = { store, member_id: bill.customer?.member_id ?? null, tenders }
  if (bill.mode === 'amount') return { ...whole, amount_fen: total }
  return { ...whole, lines: bill.goods.filter((goods) => !isBlank(goods)).map(lineOf) }
}

function lineOf(goods: Goods): Schemas['LineIn'] {
  return {
    product: goods.product.trim(),
    sku: goods.sku.trim(),
    category: goods.category.trim(),
    quantity: parseQuantity(goods.quantity) ?? '1',
    paid_fen: lineFen(goods) ?? 0,
  }
}

const SIGNS = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ'

/** 251125-143012-K7: the moment at the store, and two signs so that two tills of a store don't meet. */
export function makeOrderNo(timezone: string, now = new Date(), random = Math.random): string {
  const parts = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' })
  const [day = '', time = ''] = parts.format(now).split(' ')
  const signs = [0, 1].map(() => SIGNS[Math.floor(random() * SIGNS.length)]).join('')
  return `${day.slice(2).replaceAll('-', '')}-${time.replaceAll(':', '')}-${signs}`
}
