/**
 * Asks before a page is left, or the tab is closed, with something typed that is not saved:
 *
 *   const unsaved = useUnsaved(() => form)
 *   unsaved.settle()      // what stands there now is what was loaded, or is saved
 *
 * Nobody is asked who typed nothing, and nobody else than who typed it.
 */
import { onScopeDispose } from 'vue'
import { useRouter } from 'vue-router'
import words from '@/shared/ui/words'
import { confirm } from '@/shared/confirm'
import { useSession } from '@/shared/session'
import { useWords } from '@/shared/words'

export function useUnsaved(typed: () => unknown): { settle: () => void } {
  const t = useWords(words)
  const session = useSession()
  const { who } = session
  const text = (): string => JSON.stringify(typed())
  let settled = text()
  const loses = (): boolean => session.who === who && text() !== settled

  const stop = useRouter().beforeEach((to, from) => {
    if (to.path === from.path || !loses()) return true
    return confirm({ title: t('leave_ask'), text: t('leave_text'), action: t('leave'), danger: true })
  })
  const closing = (event: Event): void => {
    if (loses()) event.preventDefault()
  }
  addEventListener('beforeunload', closing)
  onScopeDispose(() => {
    stop()
    removeEventListener('beforeunload', closing)
  })
  return { settle: () => (settled = text()) }
}
