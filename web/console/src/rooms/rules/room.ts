import { Coins } from '@lucide/vue'
import { defineRoom } from '@/shared/room'

export default defineRoom({
  name: 'rules',
  title: { zh: '积分规则', en: 'Earning rules' },
  icon: Coins,
  group: 'setup',
  order: 5,
  permission: 'rules:read',
  pages: [
    { path: '/rules', page: () => import('./RuleList.vue') },
    {
      path: '/rules/new',
      page: () => import('./RuleEditor.vue'),
      title: { zh: '新增积分规则', en: 'A new earning rule' },
      permission: 'rules:write',
    },
    {
      path: '/rules/drafts/:draftId(\\d+)',
      page: () => import('./RuleEditor.vue'),
      title: { zh: '规则草稿', en: 'Draft of a rule' },
    },
    { path: '/rules/:ruleId(\\d+)', page: () => import('./RulePage.vue') },
    {
      path: '/rules/:ruleId(\\d+)/change',
      page: () => import('./RuleEditor.vue'),
      title: { zh: '修改积分规则', en: 'Change an earning rule' },
      permission: 'rules:write',
    },
  ],
})
