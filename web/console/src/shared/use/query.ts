/**
 * Reads something, and again when what it depends on changes; the request ends when the page is left.
 *
 *   const stores = useQuery((signal) => ok(api.GET('/v1/stores', { signal })), () => [filter.value])
 *   stores.data, stores.error, stores.loading, stores.reload()
 *
 * While it reads again the old data stays. QueryStates (ui) shows skeleton, error and emptiness.
 */
import { onScopeDispose, reactive, shallowRef, watch } from 'vue'
import { asProblem, isAbort, type Problem } from '@/shared/api'

export interface Query<T> {
  data: T | null
  error: Problem | null
  loading: boolean
  reload: () => Promise<void>
}

const partsOf = (key: unknown): unknown[] => (Array.isArray(key) ? [...(key as unknown[])] : [key])

export function useQuery<T>(read: (signal: AbortSignal) => Promise<T>, depends?: () => unknown): Query<T> {
  const data = shallowRef<T | null>(null)
  const error = shallowRef<Problem | null>(null)
  const loading = shallowRef(true)
  let running: AbortController | null = null

  async function reload(): Promise<void> {
    running?.abort()
    const mine = (running = new AbortController())
    loading.value = true
    try {
      const found = await read(mine.signal)
      if (mine !== running) return
      data.value = found
      error.value = null
    } catch (thrown) {
      if (mine !== running || isAbort(thrown)) return
      error.value = asProblem(thrown)
    }
    loading.value = false
  }

  /** A list of the same parts is no change, however fresh the list is. */
  function changed(now: unknown[], before: unknown[] | undefined): void {
    if (now.length !== before?.length || now.some((part, place) => !Object.is(part, before[place]))) void reload()
  }

  onScopeDispose(() => {
    running?.abort()
    running = null
  })
  if (depends) watch(() => partsOf(depends()), changed, { immediate: true })
  else void reload()
  return reactive({ data, error, loading, reload }) as Query<T>
}
