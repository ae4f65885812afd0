/** One order with one line, a part of it refunded. */
import type { Line } from '@/shared/orders/order'

export const LINE: Line = {
  line_no: 1,
  sku: 'milk',
  product: '鲜牛奶',
  category: '乳品',
  quantity: '3.0000',
  list_fen: 3000,
  paid_fen: 2999,
  refunded_quantity: '1.0000',
  refunded_fen: 999,
  points_earned: 29,
  growth_earned: 0,
  points_reversed: 9,
  growth_reversed: 0,
}
export const SUMMARY = {
  order_id: '9216',
  source: 'pos',
  store_id: 7,
  business_day: '2026-03-11',
  order_no: 'A1',
  member_id: '2048',
  ordered_at: '2026-03-11T04:00:00Z',
  list_fen: 3000,
  paid_fen: 2999,
  refunded_fen: 999,
  status: 'partly_refunded',
} as const
