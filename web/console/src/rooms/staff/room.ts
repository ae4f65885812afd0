import { UsersRound } from '@lucide/vue'
import { defineRoom } from '@/shared/room'

export default defineRoom({
  name: 'staff',
  title: { zh: '员工', en: 'Staff' },
  icon: UsersRound,
  group: 'setup',
  order: 20,
  permission: 'staff:read',
  pages: [
    { path: '/staff', page: () => import('./StaffList.vue') },
    {
      path: '/staff/new',
      page: () => import('./StaffNew.vue'),
      title: { zh: '新增员工', en: 'Add a person' },
      permission: 'staff:write',
    },
    { path: '/staff/:staffId(\\d+)', page: () => import('./StaffPage.vue'), title: { zh: '员工资料', en: 'Person' } },
  ],
})
