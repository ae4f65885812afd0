/** How an order is shown, wherever one stands, and what a refund sends. */
import words from './words'
import type { Schemas } from '@/shared/api'
import { useWords } from '@/shared/words'

const t = useWords(words)

export type Order = Schemas['OrderView']
export type Line = Schemas['OrderLineView']
export type Status = NonNullable<Schemas['OrderSummary']['status']>

export const STATUSES = ['completed', 'partly_refunded', 'refunded', 'voided', 'returned'] as const

export const statusTone = (status: string): 'good' | 'warm' | 'bad' =>
  status === 'completed' ? 'good' : status === 'voided' ? 'bad' : 'warm'

/** "2.0000" is 2. */
export const plainQuantity = (quantity: string): string =>
  quantity.includes('.') ? quantity.replace(/\.?0+$/, '') : quantity

export const statusName = (status: string): string => t.of('status_', status)

export const tenderName = (kind: string): string => t.of('tender_', kind)

/** A sale of an amount has one line, which names no goods. */
export const isAmountOnly = (order: Order): boolean =>
  order.lines.every((each) => !each.product && !each.sku && !each.category)

export function lineName(order: Order, line_no: number): string {
  if (isAmountOnly(order)) return t('amount_only')
  const line = order.lines.find((each) => each.line_no === line_no)
  return line?.product || line?.category || (line?.sku ? t('sku', { sku: line.sku }) : t('line_name', { n: line_no }))
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

/** All that is left of it; of an amount nobody gives back pieces. */
export function pickedOf(order: Order, line: Line): Picked {
  const left = leftOf(line)
  const by = left.quantity === '0' || isAmountOnly(order) ? 'amount' : 'quantity'
  return { by, quantity: left.quantity, amount_fen: left.fen }
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
