/** Stores and regions, read once and shared by pickers; what the person may not see is left out by the API. */
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { api, ok, type Schemas } from '@/shared/api'
import type { PageOf } from '@/shared/use/pages'
import { useSession } from '@/shared/session'

type Store = Schemas['Store']
type Region = Schemas['Region']

const MOST_AT_ONCE = 200

/** Every page of a list; for what a merchant has a few hundred of. */
export async function all<T>(read: (cursor: string | undefined) => Promise<PageOf<T>>): Promise<T[]> {
  const found: T[] = []
  for (let cursor: string | undefined; ;) {
    const page = await read(cursor)
    found.push(...page.items)
    if (!page.next_cursor) return found
    cursor = page.next_cursor
  }
}

export const useCatalog = defineStore('catalog', () => {
  const session = useSession()
  const stores = shallowRef<Store[]>([])
  const regions = shallowRef<Region[]>([])
  let reading: Promise<void> | null = null

  async function read(): Promise<void> {
    const limit = MOST_AT_ONCE
    const [everyStore, everyRegion] = await Promise.all([
      all((cursor) => ok(api.GET('/v1/stores', { params: { query: { limit, cursor } } }))),
      all((cursor) => ok(api.GET('/v1/regions', { params: { query: { limit, cursor } } }))),
    ])
    stores.value = everyStore
    regions.value = everyRegion
  }

  /** Reads them unless that was done; a failure is told to whom asks, and the next one asks anew. */
  function load(): Promise<void> {
    if (!session.can('settings:read')) return Promise.resolve()
    reading ??= read().catch((error: unknown) => {
      reading = null
      throw error
    })
    return reading
  }

  /** After a change. */
  function renew(): Promise<void> {
    reading = null
    return load()
  }

  function forget(): void {
    reading = null
    stores.value = []
    regions.value = []
  }

  const storesByCode = computed(() => new Map(stores.value.map((store) => [store.code, store])))
  const storesById = computed(() => new Map(stores.value.map((store) => [store.store_id, store])))
  const regionsByCode = computed(() => new Map(regions.value.map((region) => [region.code, region])))
  /** Where the person works; everywhere unless they are bound to some stores. */
  const own = computed(() => {
    const bound = session.staff?.stores
    return bound ? stores.value.filter((store) => bound.includes(store.store_id)) : stores.value
  })
  const storeName = (code: string | null | undefined): string =>
    code ? (storesByCode.value.get(code)?.name ?? code) : '—'
  const regionName = (code: string | null | undefined): string =>
    code ? (regionsByCode.value.get(code)?.name ?? code) : '—'

  return { stores, regions, own, storesByCode, storesById, regionsByCode, storeName, regionName, load, renew, forget }
})
