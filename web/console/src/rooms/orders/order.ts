/** How an order is shown, and what a refund sends. */
import type { Schemas } from '@/shared/api'
import type { Translate } from '@/shared/words'
import type words from './words'

export type T = Translate<typeof words.zh>
export type Order = Schemas['OrderView']
export type Line = Schemas['OrderLineView']
export type Status = NonNullable<Schemas['OrderSummary']['status']>

export const STATUSES = ['completed', 'partly_refunded', 'refunded', 'voided'] as const

export const BUYERS = ['member', 'anonymous'] as const

export const statusTone = (status: string): 'good' | 'warm' | 'bad' =>
  status === 'completed' ? 'good' : status === 'voided' ? 'bad' : 'warm'

/** "2.0000" is 2. */
export const plainQuantity = (quantity: string): string =>
  quantity.includes('.') ? quantity.replace(/\.?0+$/, '') : quantity

/** A sale of an amount has one line, which names no goods. */
export function lineName(t: T, line: Line, order: Order): string {
  if (order.lines.every((each) => !each.product && !each.sku && !each.category)) return t('amount_only')
  return line.product || line.category || (line.sku ? t('sku', { sku: line.sku }) : t('line_name', { n: line.line_no }))
}

/** Quantities have up to four decimals; compared as integers of 1/10000. */
function scaled(quantity: string): number | null {
  const found = /^(-?)(\d{1,9})(?:\.(\d{1,4}))?$/.exec(quantity.normalize('NFKC').trim())
  if (!found) return null
  const whole = Number(found[2]) * 10_000 + Number((found[3] ?? '').padEnd(4, '0'))
  return found[1] ? -whole : whole
}

function unscaled(value: number): string {
  const digits = String(Math.abs(value)).padStart(5, '0')
  return plainQuantity(`${value < 0 ? '-' : ''}${digits.slice(0, -4)}.${digits.slice(-4)}`)
}

export interface Left {
  quantity: string
  fen: number
}

export function leftOf(line: Line): Left {
  const quantity = (scaled(String(line.quantity)) ?? 0) - (scaled(String(line.refunded_quantity)) ?? 0)
  return { quantity: unscaled(quantity), fen: line.paid_fen - line.refunded_fen }
}

export const isLeft = (line: Line): boolean => {
  const left = leftOf(line)
  return left.fen !== 0 || left.quantity !== '0'
}

export interface Picked {
  by: 'quantity' | 'amount'
  quantity: string
  amount_fen: number | null
}

export function pickedOf(line: Line): Picked {
  const left = leftOf(line)
  return { by: left.quantity === '0' ? 'amount' : 'quantity', quantity: left.quantity, amount_fen: left.fen }
}

/** Whether it is part of what is left of the line; the server decides. */
export function isWithin(line: Line, picked: Picked): boolean {
  const left = leftOf(line)
  if (picked.by === 'amount') return within(picked.amount_fen, left.fen)
  return within(scaled(picked.quantity), scaled(left.quantity) ?? 0)
}

const within = (wanted: number | null, left: number): boolean =>
  wanted !== null && wanted !== 0 && Math.min(0, left) <= wanted && wanted <= Math.max(0, left)

export function refundLine(line: Line, picked: Picked): Schemas['RefundLineIn'] {
  const { line_no } = line
  if (picked.by === 'amount') return { line_no, amount_fen: picked.amount_fen }
  return { line_no, quantity: plainQuantity(picked.quantity.normalize('NFKC').trim()) }
}
