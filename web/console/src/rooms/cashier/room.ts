import { ScanBarcode } from '@lucide/vue'
import { defineRoom } from '@/shared/room'

export default defineRoom({
  name: 'cashier',
  title: { zh: '收银台', en: 'Cashier' },
  icon: ScanBarcode,
  group: 'work',
  order: 20,
  permission: 'orders:write',
  pages: [
    { path: '/cashier', page: () => import('./CashierPage.vue') },
    {
      path: '/cashier/orders',
      page: () => import('./DayOrders.vue'),
      permission: 'orders:read',
      title: { zh: '本店订单', en: 'Orders of the store' },
    },
    {
      path: '/cashier/refund/:orderId(\\d+)',
      page: () => import('./RefundPage.vue'),
      permission: 'orders:refund',
      title: { zh: '退款', en: 'Refund' },
    },
  ],
})
