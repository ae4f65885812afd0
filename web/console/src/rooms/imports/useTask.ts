/** An import that is looked at until it is over, at the pace of people's eyes; also one that somebody else started. */
import { onScopeDispose, shallowReactive, watch } from 'vue'
import { active, Pace, type Task } from './task'
import { api, ok } from '@/shared/api'
import { useQuery, type Query } from '@/shared/use/query'

const LOOK_MS = 1000
const AWAY_MS = 4000

export interface Watched {
  query: Query<Task>
  rate: number | null
  secondsLeft: number | null
}

export function useTask(import_id: string): Watched {
  const query = useQuery((signal) =>
    ok(api.GET('/v1/imports/{import_id}', { params: { path: { import_id } }, signal })),
  )
  const pace = new Pace()
  const watched = shallowReactive<Watched>({ query, rate: null, secondsLeft: null })
  let timer: ReturnType<typeof setTimeout> | undefined

  watch(
    () => query.loading,
    (loading) => {
      clearTimeout(timer)
      const task = query.data
      if (loading || !task || !active(task)) return
      pace.add(task)
      Object.assign(watched, { rate: pace.rate, secondsLeft: pace.secondsLeft(task) })
      timer = setTimeout(() => void query.reload(), query.error ? AWAY_MS : LOOK_MS)
    },
  )
  onScopeDispose(() => clearTimeout(timer))
  return watched
}
