/**
 * The time that figures are cut by, kept in the page's address so that links and the way back hold it.
 *
 *   const period = usePeriod()
 *   api.GET('/v1/analytics/overview', { params: { query: { ...period.query } } })
 *   <PeriodPicker :period="period" />  <PeriodNote :answered="overview.period" />
 *
 * last30, the default, asks for no days: then the API takes the last 30, or the last period with data, and says which.
 * usePeriod({ year: true }) is for figures whose usual period is the last 12 months.
 * For lists: usePeriod({ all: true }) begins with all time, for which no days are asked; last30 then means just that.
 */
import { computed, reactive } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { addDays, addMonths, monthStart, useFormat, yearStart, type Day } from '@/shared/format'

export const PRESETS = ['today', 'last7', 'last30', 'month', 'last_month', 'last12', 'year'] as const
export type Preset = (typeof PRESETS)[number] | 'all'

export interface Days {
  from?: Day
  to?: Day
}

export interface PeriodChoice {
  presets: readonly Preset[]
  preset: Preset | 'own'
  query: Days
  choose: (preset: Preset) => void
  own: (from: Day, to: Day) => void
}

const DAY = /^\d{4}-\d\d-\d\d$/

export function daysOf(preset: Preset, today: Day): Days {
  switch (preset) {
    case 'today':
      return { from: today, to: today }
    case 'last7':
      return { from: addDays(today, -6), to: today }
    case 'last30':
      return { from: addDays(today, -29), to: today }
    case 'all':
      return {}
    case 'month':
      return { from: monthStart(today), to: today }
    case 'last_month': {
      const first = addMonths(monthStart(today), -1)
      return { from: first, to: addDays(monthStart(today), -1) }
    }
    case 'last12':
      return { from: addMonths(monthStart(today), -11), to: today }
    case 'year':
      return { from: yearStart(today), to: today }
  }
}

export function usePeriod({ all = false, year = false } = {}): PeriodChoice {
  const route = useRoute()
  const router = useRouter()
  const format = useFormat()
  const text = (name: string): string => String(route.query[name] ?? '')

  const presets: readonly Preset[] = all ? ['all', ...PRESETS] : PRESETS
  const usual: Preset = all ? 'all' : year ? 'last12' : 'last30'

  const own = computed(() => {
    const [from, to] = [text('from'), text('to')]
    return DAY.test(from) && DAY.test(to) && from <= to ? { from, to } : null
  })
  const preset = computed<Preset | 'own'>(() => {
    if (own.value) return 'own'
    return presets.find((each) => each === text('period')) ?? usual
  })
  const query = computed<Days>(() => {
    if (preset.value === 'own') return own.value ?? {}
    return preset.value === usual ? {} : daysOf(preset.value, format.today())
  })

  function go(given: Record<string, string | undefined>): void {
    const { period: _, from: __, to: ___, ...others } = route.query
    void router.replace({ query: { ...others, ...given } })
  }

  return reactive({
    presets,
    preset,
    query,
    choose: (wanted: Preset) => go(wanted === usual ? {} : { period: wanted }),
    own: (from: Day, to: Day) => go({ from, to }),
  })
}
