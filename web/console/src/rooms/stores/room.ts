import { Store } from '@lucide/vue'
import { defineRoom } from '@/shared/room'

export default defineRoom({
  name: 'stores',
  title: { zh: '门店', en: 'Stores' },
  icon: Store,
  group: 'setup',
  order: 10,
  permission: 'settings:read',
  pages: [
    { path: '/stores', page: () => import('./StoreList.vue') },
    { path: '/stores/regions', page: () => import('./RegionList.vue'), title: { zh: '区域', en: 'Regions' } },
    {
      path: '/stores/new',
      page: () => import('./StoreForm.vue'),
      title: { zh: '新增门店', en: 'Add a store' },
      permission: 'settings:write',
    },
    { path: '/stores/:storeId(\\d+)', page: () => import('./StoreForm.vue'), title: { zh: '门店资料', en: 'Store' } },
  ],
})
