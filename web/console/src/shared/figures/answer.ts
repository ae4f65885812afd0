/** What every answer of the figures says of itself. */
export interface Cut {
  period: { from: string; to: string; chosen: string }
  store?: string | null
  region?: string | null
  category?: string | null
}

export interface FigureAnswer extends Cut {
  as_of?: string | null
  lag_seconds: number
  lag_events: number
  stores_only?: string[] | null
}

/** Of an answer with nothing in it: nothing is asked for that might be the cause, so there is nothing at all yet. */
export const isBeforeTrade = ({ period, store, region, category, stores_only }: FigureAnswer): boolean =>
  period.chosen.startsWith('last_') && ![store, region, category, stores_only].some((each) => each != null)

/** Nothing is counted yet though there is something to count. */
export const isBuilding = (answer: FigureAnswer): boolean => !answer.as_of && answer.lag_events > 0
