/** The store where this device stands: chosen once, remembered; the only one is taken by itself. */
import { computed, ref } from 'vue'
import { useCatalog } from '@/shared/catalog'
import { keep, kept } from '@/shared/kept'
import { useSession } from '@/shared/session'
import { useQuery } from '@/shared/use/query'

export function usePlace() {
  const catalog = useCatalog()
  const session = useSession()
  const name = `till.store.${session.merchant?.code ?? ''}`
  const chosen = ref(kept(name))
  const loaded = useQuery(async () => {
    await catalog.load()
    return true
  })
  const store = computed(() => {
    const own = catalog.own
    return own.length === 1 ? (own[0] ?? null) : (own.find((each) => each.code === chosen.value) ?? null)
  })

  function choose(code: string | null): void {
    chosen.value = code
    keep(name, code)
  }

  return { loaded, store, choose, several: computed(() => catalog.own.length > 1), stores: computed(() => catalog.own) }
}
