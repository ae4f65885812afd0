import { ScrollText } from '@lucide/vue'
import { defineRoom } from '@/shared/room'

export default defineRoom({
  name: 'audit',
  title: { zh: '操作日志', en: 'Audit log' },
  icon: ScrollText,
  group: 'setup',
  order: 60,
  permission: 'audit:read',
  pages: [{ path: '/audit', page: () => import('./AuditPage.vue') }],
})
