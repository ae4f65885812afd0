/** An import as pages see it: its state in few kinds, how fast it goes, and the options of a check. */
import type { Schemas } from '@/shared/api'

export type Task = Schemas['ImportOut']
export type Check = Schemas['ImportCheck']
export type Kind = Task['kind']

export const active = (task: Task): boolean => task.state === 'queued' || task.state === 'running'

/** Nothing was written yet, and how it is to be read can still be changed. */
export const open = (task: Task): boolean => task.dry_run && !active(task) && !task.files_deleted_at

/** Nothing was ever written: it can go as if it had not been handed in. */
export const discardable = (task: Task): boolean => task.dry_run && !active(task)

/** Whether the same file may come to more when it is started once more: not when it is the file that is wrong. */
export function worthAnother(task: Task): boolean {
  if (task.dry_run || task.files_deleted_at) return false
  if (task.state === 'cancelled') return true
  const status = task.error?.status ?? 500
  return task.state === 'failed' && (status >= 500 || status === 409 || status === 429)
}

export const checked = (task: Task): boolean => task.dry_run && task.state === 'done'

/** For the pill: what somebody wants to know at a glance. */
export type Face =
  'held' | 'queued' | 'checking' | 'importing' | 'stopping' | 'checked' | 'done' | 'partly' | 'failed' | 'cancelled'

export function faceOf(task: Task): Face {
  if (task.state === 'running') return task.cancelling ? 'stopping' : task.dry_run ? 'checking' : 'importing'
  if (task.state !== 'done') return task.state
  if (task.dry_run) return 'checked'
  return task.bad_rows || task.has_errors ? 'partly' : 'done'
}

export const TONES: Record<Face, 'plain' | 'main' | 'good' | 'warm' | 'bad'> = {
  held: 'warm',
  queued: 'plain',
  checking: 'main',
  importing: 'main',
  stopping: 'plain',
  checked: 'warm',
  done: 'good',
  partly: 'warm',
  failed: 'bad',
  cancelled: 'plain',
}

export function checkOf(task: Task, kind: Kind = task.kind): Check {
  return { ...task.settings, kind, date_order: task.settings.date_order as Check['date_order'] }
}

const HANDLED = ['created', 'linked', 'unchanged', 'conflict', 'refused'] as const

/** Rows while an orders file is read, afterwards orders or members that were dealt with. */
export function handledOf(task: Task): number {
  if (task.phase === 'read') return task.counts.rows ?? 0
  return HANDLED.reduce((sum, name) => sum + (task.counts[name] ?? 0), 0)
}

/** What did not come in, or would not: rows that can't be read, and what was refused as it is. */
export function leftOut(task: Task): number {
  const { conflict = 0, refused = 0 } = task.counts
  return (task.bad_rows ?? 0) + conflict + refused
}

interface Sample {
  at: number
  done: number
  handled: number
}

const WINDOW_MS = 15_000
const LEAST_MS = 2_000

/** How fast it has been going lately; forgets everything when a new phase begins. */
export class Pace {
  private phase = ''
  private samples: Sample[] = []

  add(task: Task, at = Date.now()): void {
    const phase = task.phase ?? ''
    if (phase !== this.phase || (this.samples.at(-1)?.done ?? 0) > task.done) this.samples = []
    this.phase = phase
    this.samples = [
      ...this.samples.filter((each) => at - each.at <= WINDOW_MS),
      { at, done: task.done, handled: handledOf(task) },
    ]
  }

  // A second; null as long as nobody can say.
  private of(what: 'done' | 'handled'): number | null {
    const [first, last] = [this.samples[0], this.samples.at(-1)]
    if (!first || !last || last.at - first.at < LEAST_MS || last[what] <= first[what]) return null
    return ((last[what] - first[what]) * 1000) / (last.at - first.at)
  }

  /** Of what people count: see handledOf. */
  get rate(): number | null {
    return this.of('handled')
  }

  secondsLeft(task: Task): number | null {
    const rate = this.of('done')
    return rate === null || task.total <= 0 ? null : Math.ceil((task.total - task.done) / rate)
  }
}

/** 12.4 MB. */
export function sizeOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const units = ['KB', 'MB', 'GB']
  let size = bytes / 1024
  let place = 0
  while (size >= 1024 && place < units.length - 1) {
    size /= 1024
    place++
  }
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[place]}`
}

/** Counts in the order in which they are told; what is 0 only where it says something. */
const ORDER = [
  'created',
  'linked',
  'unchanged',
  'returns',
  'openings_created',
  'members_created',
  'stores_created',
  'refunds_created',
  'refunds_unchanged',
  'left_out',
  'masked_numbers',
  'birthdays_left_out',
  'no_rows',
  'conflict',
  'refused',
  'refunds_refused',
] as const
export type Count = (typeof ORDER)[number]
const ALWAYS = new Set<Count>(['created', 'unchanged'])

export function countsOf(task: Task): { name: Count; count: number }[] {
  return ORDER.map((name) => ({ name, count: task.counts[name] ?? 0 })).filter(
    (each) => each.count > 0 || (ALWAYS.has(each.name) && each.name in task.counts),
  )
}
