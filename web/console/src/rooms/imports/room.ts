import { FileUp } from '@lucide/vue'
import { defineRoom } from '@/shared/room'

export default defineRoom({
  name: 'imports',
  title: { zh: '导入', en: 'Import' },
  icon: FileUp,
  group: 'setup',
  order: 40,
  permission: 'imports:read',
  pages: [
    { path: '/imports', page: () => import('./ImportList.vue') },
    {
      path: '/imports/new',
      page: () => import('./ImportNew.vue'),
      title: { zh: '导入文件', en: 'Import a file' },
      permission: 'imports:write',
    },
    { path: '/imports/:importId([0-9a-f-]{36})', page: () => import('./ImportPage.vue') },
  ],
})
