/** The categories that were sold, for the picker: biggest first. Read once for a period; without them there is no picker. */
import { computed, shallowRef, watch, type ComputedRef } from 'vue'
import { api, ok } from '@/shared/api'
import type { Days } from '@/shared/period'

let kept: { of: string; names: Promise<string[]> } | null = null

async function read(query: Days): Promise<string[]> {
  const found = await ok(api.GET('/v1/analytics/breakdown', { params: { query: { ...query, by: 'category' } } }))
  return found.rows.map((row) => row.key).filter(Boolean)
}

export function useCategories(days: (() => Days) | null): ComputedRef<string[]> {
  const names = shallowRef<string[]>([])
  if (!days) return computed(() => names.value)
  watch(
    () => JSON.stringify(days()),
    async (of) => {
      if (kept?.of !== of) kept = { of, names: read(days()) }
      const mine = kept
      try {
        const found = await mine.names
        if (mine === kept) names.value = found
      } catch {
        // The figures themselves say what is wrong; the picker is only missing.
        if (mine === kept) kept = null
      }
    },
    { immediate: true },
  )
  return computed(() => names.value)
}
