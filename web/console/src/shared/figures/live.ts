/**
 * Reads again every few seconds while the page can be seen, and at once when it is seen again; what is still being read
 * is not asked for twice.
 */
import { computed, onScopeDispose, reactive } from 'vue'
import { isBuilding, type FigureAnswer } from './answer'
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

/** Only while its figures are being made: what is counted appears by itself, else the page stays as it is. */
export function useLiveWhileBuilding(query: Pick<Query<FigureAnswer>, 'data' | 'loading' | 'reload'>): void {
  useLive(
    reactive({
      loading: computed(() => query.loading || !query.data || !isBuilding(query.data)),
      reload: () => query.reload(),
    }),
  )
}
