import { ReceiptText } from '@lucide/vue'
import { defineRoom } from '@/shared/room'

export default defineRoom({
  name: 'orders',
  title: { zh: '订单', en: 'Orders' },
  icon: ReceiptText,
  group: 'work',
  order: 30,
  permission: 'orders:read',
  pages: [
    { path: '/orders', page: () => import('./OrderList.vue') },
    { path: '/orders/:orderId(\\d+)', page: () => import('./OrderDetail.vue'), title: { zh: '订单详情', en: 'Order' } },
    {
      path: '/orders/:orderId(\\d+)/refund',
      page: () => import('./RefundPage.vue'),
      title: { zh: '退款', en: 'Refund' },
      permission: 'orders:refund',
    },
  ],
})
