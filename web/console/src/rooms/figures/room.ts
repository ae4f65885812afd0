import { ChartColumn } from '@lucide/vue'
import { defineRoom } from '@/shared/room'

export default defineRoom({
  name: 'figures',
  title: { zh: '经营分析', en: 'Figures' },
  icon: ChartColumn,
  group: 'grow',
  order: 0,
  permission: 'analytics:read',
  pages: [
    { path: '/figures', page: () => import('./OverviewPage.vue') },
    {
      path: '/figures/breakdown',
      page: () => import('./BreakdownPage.vue'),
      title: { zh: '门店与品类对比', en: 'Side by side' },
    },
    {
      path: '/figures/repurchase',
      page: () => import('./RepurchasePage.vue'),
      title: { zh: '复购', en: 'Repurchase' },
    },
    { path: '/figures/cohorts', page: () => import('./CohortsPage.vue'), title: { zh: '留存', en: 'Retention' } },
    { path: '/figures/rfm', page: () => import('./RfmPage.vue'), title: { zh: '会员分群', en: 'Customer groups' } },
    {
      path: '/figures/concentration',
      page: () => import('./ConcentrationPage.vue'),
      title: { zh: '客户集中度', en: 'Concentration' },
    },
    { path: '/figures/top', page: () => import('./TopPage.vue'), title: { zh: '热销', en: 'Best selling' } },
    {
      path: '/figures/audience',
      page: () => import('./AudiencePage.vue'),
      title: { zh: '会员与散客', en: 'Members and others' },
    },
    { path: '/figures/points', page: () => import('./PointsPage.vue'), title: { zh: '积分', en: 'Points' } },
    {
      path: '/figures/members',
      page: () => import('./MembersPage.vue'),
      title: { zh: '指标背后的会员', en: 'Members behind a figure' },
      permission: 'members:read',
    },
  ],
})
