import { defineWords } from '@/shared/words'

export default defineWords(
  'api',
  {
    network: '连不上服务器，请检查网络后重试',
    unexpected: '服务器没有正常答复（{status}），请稍后重试',
    fault: '页面出错了，请刷新后重试',
  },
  {
    network: 'The server can not be reached. Check the network and try again.',
    unexpected: 'The server did not answer as it should ({status}). Try again shortly.',
    fault: 'Something went wrong in this page. Reload it and try again.',
  },
)
