/** A short word about what was done: toast.good(t('saved')). What is wrong with a form belongs into the form. */
import { ref } from 'vue'

export interface Toast {
  id: number
  tone: 'good' | 'bad'
  text: string
}

const GOOD_MS = 4000
const BAD_MS = 8000

export const shown = ref<Toast[]>([])
let last = 0

export function dismiss(id: number): void {
  shown.value = shown.value.filter((each) => each.id !== id)
}

function say(tone: Toast['tone'], text: string): void {
  // The same thing twice is one thing.
  const same = shown.value.find((each) => each.text === text)
  if (same) return
  const id = ++last
  shown.value = [...shown.value.slice(-2), { id, tone, text }]
  setTimeout(() => dismiss(id), tone === 'good' ? GOOD_MS : BAD_MS)
}

export const toast = { good: (text: string): void => say('good', text), bad: (text: string): void => say('bad', text) }
