/**
 * Reads again every few seconds while the page can be seen, and at once when it is seen again; what is still being read
 * is not asked for twice.
 */
import { onScopeDispose } from 'vue'
import type { Query } from '@/shared/use/query'

export function useLive(query: Pick<Query<unknown>, 'loading' | 'reload'>, everyMs = 3000): void {
  const tick = (): void => {
    if (document.visibilityState === 'visible' && !query.loading) void query.reload()
  }
  const timer = setInterval(tick, everyMs)
  document.addEventListener('visibilitychange', tick)
  onScopeDispose(() => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', tick)
  })
}
