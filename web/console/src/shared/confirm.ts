/**
 * Asks before something that can't be taken back:
 *
 *   if (await confirm({ title: t('revoke_ask'), text: t('revoke_what'), action: t('revoke'), danger: true })) …
 */
import { shallowRef } from 'vue'

export interface Question {
  title: string
  text?: string
  /** What the button says: the deed, not "OK". */
  action: string
  danger?: boolean
}

export const asking = shallowRef<Question | null>(null)
let tell: ((yes: boolean) => void) | null = null

export function answer(yes: boolean): void {
  asking.value = null
  tell?.(yes)
  tell = null
}

export function confirm(question: Question): Promise<boolean> {
  answer(false)
  asking.value = question
  return new Promise((resolve) => {
    tell = resolve
  })
}
