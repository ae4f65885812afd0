import { defineWords } from '@/shared/words'

export default defineWords(
  'story',
  {
    net_alone: '这段时间 {orders} 单，净销售额 {net}；上一段没有可比的数据。',
    net_flat: '净销售额 {net}，和上一段差不多（相差 {change}）。',
    net_up_orders: '净销售额比上一段多 {diff}（+{change}），主要因为订单多了 {moved}。',
    net_up_aov: '净销售额比上一段多 {diff}（+{change}），主要因为每单多花了 {moved}。',
    net_down_orders: '净销售额比上一段少 {diff}（-{change}），主要因为订单少了 {moved}。',
    net_down_aov: '净销售额比上一段少 {diff}（-{change}），主要因为每单少花了 {moved}。',
    lean_old: '来的会员里 {share} 是老会员，新会员只有 {new} 位：留客很稳，该想想怎么让新客进来。',
    lean_new: '来的会员里只有 {share} 是老会员，{new} 位是第一次来：先让他们来第二次。',
    once: '{active} 位会员里有 {once} 位这段时间只来过一次：可以提醒他们再来。',
  },
  {
    net_alone: '{orders} order{orders_s} brought {net}; there is nothing before to compare with. ',
    net_flat: 'Net sales of {net} are about those of the period before (off by {change}). ',
    net_up_orders: 'Net sales grew by {diff} (+{change}), mostly because of {moved} more order{moved_s}. ',
    net_up_aov: 'Net sales grew by {diff} (+{change}), mostly because an order brought {moved} more. ',
    net_down_orders: 'Net sales fell by {diff} (-{change}), mostly because of {moved} order{moved_s} less. ',
    net_down_aov: 'Net sales fell by {diff} (-{change}), mostly because an order brought {moved} less. ',
    lean_old: '{share} of the members who came had come before, only {new} came first: they stay, now let new ones in.',
    lean_new: 'Only {share} of the members who came had come before, {new} came first: make them come a second time.',
    once: 'Of {active} member{active_s} {once} came but once: remind them to come again.',
  },
)
