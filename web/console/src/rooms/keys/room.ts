import { KeyRound } from '@lucide/vue'
import { defineRoom } from '@/shared/room'

export default defineRoom({
  name: 'keys',
  title: { zh: '接口密钥', en: 'API keys' },
  icon: KeyRound,
  group: 'setup',
  order: 50,
  permission: 'settings:write',
  pages: [
    { path: '/keys', page: () => import('./KeyList.vue') },
    { path: '/keys/new', page: () => import('./KeyNew.vue'), title: { zh: '新建密钥', en: 'Create a key' } },
    { path: '/keys/:keyId(\\d+)', page: () => import('./KeyPage.vue') },
  ],
})
