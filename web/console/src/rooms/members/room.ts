import { Users } from '@lucide/vue'
import { defineRoom } from '@/shared/room'

export default defineRoom({
  name: 'members',
  title: { zh: '会员', en: 'Members' },
  icon: Users,
  group: 'work',
  order: 20,
  permission: 'members:read',
  pages: [
    { path: '/members', page: () => import('./MemberList.vue') },
    {
      path: '/members/new',
      page: () => import('./MemberJoin.vue'),
      title: { zh: '新建会员', en: 'New member' },
      permission: 'members:write',
    },
    {
      path: '/members/:memberId(\\d+)/:tab(points|growth|lots|orders)?',
      name: 'member',
      page: () => import('./MemberDetail.vue'),
      title: { zh: '会员资料', en: 'Member' },
    },
  ],
})
