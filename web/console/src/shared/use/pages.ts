/**
 * A list that comes in pages by cursor. Feed it to DataTable:
 *
 *   const stores = usePages((cursor, signal) =>
 *     ok(api.GET('/v1/stores', { params: { query: { limit: 50, cursor } }, signal })), () => [filter.value])
 *   <DataTable :pages="stores" …>
 *
 * A change of what it depends on goes back to the first page.
 */
import { computed, reactive, ref } from 'vue'
import { useQuery } from './query'
import type { Problem } from '@/shared/api'

export interface PageOf<T> {
  items: T[]
  next_cursor: string | null
}

export interface Pages<T> {
  items: T[] | null
  error: Problem | null
  loading: boolean
  hasNext: boolean
  hasPrevious: boolean
  /** From 1. */
  number: number
  next: () => void
  previous: () => void
  reload: () => Promise<void>
}

export function usePages<T>(
  read: (cursor: string | undefined, signal: AbortSignal) => Promise<PageOf<T>>,
  depends: () => unknown = () => null,
): Pages<T> {
  // The cursors of the pages behind us and of the one that is shown.
  const trail = ref<(string | undefined)[]>([undefined])
  let of = JSON.stringify(depends())
  const query = useQuery(
    (signal) => read(trail.value.at(-1), signal),
    () => {
      const now = JSON.stringify(depends())
      if (now !== of) {
        of = now
        trail.value = [undefined]
      }
      return [now, trail.value.length]
    },
  )
  return reactive({
    items: computed(() => query.data?.items ?? null),
    error: computed(() => query.error),
    loading: computed(() => query.loading),
    hasNext: computed(() => Boolean(query.data?.next_cursor)),
    hasPrevious: computed(() => trail.value.length > 1),
    number: computed(() => trail.value.length),
    next: () => {
      if (query.data?.next_cursor) trail.value = [...trail.value, query.data.next_cursor]
    },
    previous: () => {
      if (trail.value.length > 1) trail.value = trail.value.slice(0, -1)
    },
    reload: query.reload,
  }) as Pages<T>
}
