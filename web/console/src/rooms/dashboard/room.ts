import { LayoutDashboard } from '@lucide/vue'
import { defineRoom } from '@/shared/room'

// First in the menu, so "/" leads here for whoever may see figures, and a cashier to the till.
export default defineRoom({
  name: 'dashboard',
  title: { zh: '首页', en: 'Home' },
  icon: LayoutDashboard,
  group: 'work',
  order: 0,
  permission: 'analytics:read',
  pages: [{ path: '/dashboard', page: () => import('./DashboardPage.vue') }],
})
