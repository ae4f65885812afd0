/** What the words of a file's status column mean, as the page lets people choose it. */
import type { Schemas } from '@/shared/api'
import { defineWords } from '@/shared/words'

type Preview = Schemas['Preview']
export type Word = Preview['statuses'][number]
export type Meaning = NonNullable<Schemas['ImportCheck']['statuses']>[string]
/** By word; '': nobody has said. */
export type Meanings = Record<string, string>

export const MEANINGS: readonly Meaning[] = ['completed', 'refunded', 'partly_refunded', 'voided', 'open']

/** Those of the preview, and those that only a check of the whole file has found, unknown ones first. */
export function wordsOf(preview: Preview, found: Schemas['UnknownStatus'][]): Word[] {
  const seen = new Set(preview.statuses.map((each) => each.word))
  const others = found.filter((each) => each.column === preview.status_column && !seen.has(each.word))
  return [...others.map(({ word, rows }) => ({ word, rows, status: null, told: false })), ...preview.statuses]
}

/** As the server takes them, with what was chosen at an earlier check of this file over it. */
export function meaningsOf(words: Word[], told: Meanings): Meanings {
  return Object.fromEntries(words.map((each) => [each.word, told[each.word] ?? each.status ?? '']))
}

/** What differs from what the server would take anyway, and what was told of words that are not seen here. */
export function toldOf(words: Word[], told: Meanings, chosen: Meanings): Record<string, Meaning> {
  const sent = { ...told }
  for (const each of words) {
    const meaning = chosen[each.word] ?? ''
    if (meaning && meaning !== each.status) sent[each.word] = meaning
    else delete sent[each.word]
  }
  return sent as Record<string, Meaning>
}

export default defineWords(
  'import_statuses',
  {
    title: '订单状态的说法',
    lead: '“{column}”这一列里有这些说法，各表示什么意思？选好的会记住，同一来源下次不用再选。',
    word: '文件里的说法',
    rows: '行数',
    means: '意思是',
    choose: '请选择',
    still: '还有 {n} 种说法不知道是什么意思，不选的话，这些订单不会导入。',
    all_known: '这些说法都知道是什么意思。',
    part: '文件很长，这里只看了前面一部分。试导会看完整个文件。',
    is_completed: '已完成：算作订单',
    is_refunded: '已退款：整单退掉',
    is_partly_refunded: '部分退款：按退款金额退',
    is_voided: '已取消：整单作废',
    is_open: '还没完成：先跳过',
    is_closed: '已关闭：导入过的作废，其余跳过',
  },
  {
    title: 'Words of the order status',
    lead: 'What do the words in “{column}” mean? Your choice is remembered for this source.',
    word: 'In the file',
    rows: 'Rows',
    means: 'Means',
    choose: 'Choose',
    still: 'Words whose meaning is not known: {n}. Orders with them are left out unless you choose.',
    all_known: 'The meaning of each is known.',
    part: 'The file is long, and only its beginning was looked at. A trial run reads all of it.',
    is_completed: 'Completed: an order',
    is_refunded: 'Refunded: the whole order',
    is_partly_refunded: 'Refunded in part: by amount',
    is_voided: 'Cancelled: the whole order',
    is_open: 'Not completed: left for later',
    is_closed: 'Closed: voided if it was taken, else left out',
  },
)
