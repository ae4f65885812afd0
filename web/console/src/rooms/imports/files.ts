/** Files before they are sent: which can be taken, what they are called, and templates to fill in. */
import { api, upload } from '@/shared/api'
import type { Task } from './task'

export const ACCEPT = '.xlsx,.csv,.tsv,.txt'
const MOST_BYTES = 1024 * 1024 * 1024

export type Wrong = 'bad_type' | 'old_xls' | 'too_big' | 'empty_file'

/** By name and size; what is inside is the server's to judge. */
export function wrongWith(file: { name: string; size: number }): Wrong | null {
  const name = file.name.toLowerCase()
  if (name.endsWith('.xls')) return 'old_xls'
  if (!ACCEPT.split(',').some((end) => name.endsWith(end))) return 'bad_type'
  if (!file.size) return 'empty_file'
  return file.size > MOST_BYTES ? 'too_big' : null
}

/** Held: nothing is done with it before its columns were looked at; what it is its header says. Old orders earn nothing unless somebody says so. */
export function handIn(file: File, told: (sent: number) => void, key: string, signal: AbortSignal): Promise<Task> {
  const query = { hold: 'true', earn: 'false', file_name: file.name.slice(-200) }
  return upload<Task>('/v1/imports', query, file, { key, told, signal })
}

const REPORTS = ['taobao_orders', 'taobao_detail']

/** Whether these are the two reports of one platform; when nobody can say they are two files. */
export async function arePair(ids: string[]): Promise<boolean> {
  const looks = ids.map(async (import_id) => {
    const { data } = await api.GET('/v1/imports/{import_id}/preview', { params: { path: { import_id } } })
    return data?.platform
  })
  const platforms = new Set<unknown>(await Promise.all(looks).catch(() => []))
  return REPORTS.every((each) => platforms.has(each))
}

const TEMPLATES = {
  members: ['会员编号,手机号,姓名,生日,注册时间,积分,标签', 'V001,13800000000,张三,1990-03-15,2025-06-01,120,常客'],
  orders: [
    '订单号,下单时间,门店,会员手机号,商品编码,商品名称,分类,数量,实付金额,支付方式',
    'R0001,2026-03-01 10:15:00,人民路店,13800000000,milk-1l,鲜牛奶 1L,乳品,2,25.80,微信',
  ],
} as const

/** With a byte order mark, so that a spreadsheet reads it as UTF-8. */
export function download(kind: keyof typeof TEMPLATES, name: string): void {
  const blob = new Blob(['\ufeff' + TEMPLATES[kind].join('\r\n') + '\r\n'], { type: 'text/csv' })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name + '.csv'
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 1000)
}
