/** What of an order comes back, as it is chosen on the page and as the API takes it. */
import { parseQuantity, type Wrong } from './bill'
import type { Schemas } from '@/shared/api'
import { parseMoney } from '@/shared/format'

type Line = Schemas['OrderLineView']

export interface Choice {
  line_no: number
  taken: boolean
  how: 'quantity' | 'amount'
  quantity: string
  amount: string
}

export const isLeft = (line: Line): boolean =>
  line.paid_fen !== line.refunded_fen || Number(line.quantity) !== Number(line.refunded_quantity)

const SCALE = 10_000
const scaled = (text: string): number => Math.round(Number(text) * SCALE)

/** What is left of a line, as it is typed: 1.5 of 2. */
export function leftOf(line: Line): string {
  return String((scaled(line.quantity) - scaled(line.refunded_quantity)) / SCALE)
}

export function choicesOf(order: Schemas['OrderView']): Choice[] {
  return order.lines.filter(isLeft).map((line) => ({
    line_no: line.line_no,
    taken: false,
    how: Number(leftOf(line)) > 0 && order.lines.length > 1 ? 'quantity' : 'amount',
    quantity: leftOf(line),
    amount: '',
  }))
}

export function choiceWrong(choice: Choice): Wrong | null {
  if (!choice.taken) return null
  if (choice.how === 'quantity') return parseQuantity(choice.quantity) === null ? 'quantity' : null
  if (!choice.amount.trim()) return 'missing'
  const fen = parseMoney(choice.amount)
  if (fen === null) return 'money'
  return fen > 0 ? null : 'positive'
}

/** null: nothing is chosen, or something is wrong. */
export function linesOf(choices: Choice[]): Schemas['RefundLineIn'][] | null {
  const taken = choices.filter((choice) => choice.taken)
  if (!taken.length || taken.some((choice) => choiceWrong(choice))) return null
  return taken.map(({ line_no, how, quantity, amount }) =>
    how === 'quantity' ? { line_no, quantity: parseQuantity(quantity) } : { line_no, amount_fen: parseMoney(amount) },
  )
}
