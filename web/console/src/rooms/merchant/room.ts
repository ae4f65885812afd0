import { Building2 } from '@lucide/vue'
import { defineRoom } from '@/shared/room'

export default defineRoom({
  name: 'merchant',
  title: { zh: '商户资料', en: 'Business' },
  icon: Building2,
  group: 'setup',
  order: 5,
  permission: 'settings:read',
  pages: [{ path: '/merchant', page: () => import('./MerchantPage.vue') }],
})
