/**
 * What figures are cut by: days, store, region and category, all kept in the page's address.
 *
 *   const cut = useCut()                                     // useCut('last12'): see period.ts
 *   useQuery((signal) => ok(api.GET('/v1/analytics/overview', { params: { query: cut.query }, signal })), () => cut.query)
 *   <CutBar :cut="cut" />
 *
 * In an address an empty region or category is that of stores and lines which have none.
 */
import { computed, reactive } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { usePeriod, type Days, type PeriodChoice } from '@/shared/period'

const NAMES = ['store', 'region', 'category'] as const
export type CutName = (typeof NAMES)[number]
export type CutQuery = Days & Partial<Record<CutName, string>>

export interface CutChoice {
  period: PeriodChoice
  store: string | null
  region: string | null
  category: string | null
  /** For the API. */
  query: CutQuery
  /** For links to pages with the same cut; the period as it was chosen. */
  address: Record<string, string>
  choose: (given: Record<string, string | null>) => void
}

const CARRIED = ['period', 'from', 'to', ...NAMES]

export function useCut(usual: 'last30' | 'last12' = 'last30'): CutChoice {
  const route = useRoute()
  const router = useRouter()
  const period = usePeriod({ year: usual === 'last12' })
  const given = (name: string): string | null => {
    const found = route.query[name]
    return typeof found === 'string' ? found : null
  }

  function choose(wanted: Record<string, string | null>): void {
    const query = { ...route.query, ...wanted }
    void router.replace({ query: Object.fromEntries(Object.entries(query).filter(([, value]) => value !== null)) })
  }

  const one = (name: CutName) =>
    computed<string | null>({ get: () => given(name), set: (value) => choose({ [name]: value }) })
  const carried = (names: readonly string[]): Record<string, string> =>
    Object.fromEntries(names.flatMap((name) => (given(name) === null ? [] : [[name, given(name) ?? '']])))

  return reactive({
    period,
    store: one('store'),
    region: one('region'),
    category: one('category'),
    query: computed<CutQuery>(() => ({ ...period.query, ...carried(NAMES) })),
    address: computed(() => carried(CARRIED)),
    choose,
  }) as CutChoice
}

/** A choice of a page's own, such as the grain of a trend, that stays in the address too; the first one is the usual. */
export function useChoice<T extends string>(name: string, among: readonly [T, ...T[]]) {
  const route = useRoute()
  const router = useRouter()
  return computed<T>({
    get: () => among.find((each) => each === route.query[name]) ?? among[0],
    set: (value) => {
      const { [name]: _, ...others } = route.query
      void router.replace({ query: value === among[0] ? others : { ...others, [name]: value } })
    },
  })
}

export function linkTo(path: string, query: Record<string, string | number | null | undefined>): string {
  const kept = Object.entries(query).flatMap(([name, value]) => (value == null ? [] : [[name, String(value)]]))
  const text = new URLSearchParams(kept).toString()
  return text ? `${path}?${text}` : path
}
