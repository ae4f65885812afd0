/**
 * Sends a form or an action once.
 *
 *   const save = useSubmit((key, body: StoreInput) =>
 *     ok(api.POST('/v1/stores', { params: { header: { 'Idempotency-Key': key } }, body })),
 *     { done: (store) => { toast.good(t('saved')); router.push('/stores') } })
 *   save.send(form)      save.busy      save.error      save.wrong('name')
 *
 * The same body sent again after a failure carries the same key, so nothing is booked twice when only the answer was
 * lost; another body gets a key of its own. While it is on its way a second click does nothing. What was typed stays:
 * the form is the page's own. `wrong(field)` is what to say beside a field; `error` is what belongs above the form.
 */
import { computed, reactive, shallowRef } from 'vue'
import { asProblem, type Problem } from '@/shared/api'
import { showFault } from '@/shared/use/fault'

export interface Submit<I extends unknown[], T> {
  busy: boolean
  /** What went wrong and is not said beside a field. */
  error: Problem | null
  /** All of what went wrong. */
  problem: Problem | null
  wrong: (field: string) => string
  send: (...input: I) => Promise<T | undefined>
  reset: () => void
}

interface Options<T> {
  done?: (result: T) => unknown
  /** Fields that the form shows; a problem of another one is said above it. */
  fields?: readonly string[]
}

export function useSubmit<I extends unknown[], T>(
  act: (key: string, ...input: I) => Promise<T>,
  { done, fields = [] }: Options<T> = {},
): Submit<I, T> {
  const busy = shallowRef(false)
  const problem = shallowRef<Problem | null>(null)
  let unanswered: { input: string; key: string } | null = null

  async function send(...input: I): Promise<T | undefined> {
    if (busy.value) return undefined
    const text = JSON.stringify(input)
    if (unanswered?.input !== text) unanswered = { input: text, key: crypto.randomUUID() }
    busy.value = true
    problem.value = null
    try {
      const result = await act(unanswered.key, ...input)
      unanswered = null
      await done?.(result)
      return result
    } catch (thrown) {
      problem.value = asProblem(thrown)
      void showFault()
      return undefined
    } finally {
      busy.value = false
    }
  }

  const shownAt = (found: Problem): string | undefined => fields.find((field) => isField(found, field))
  return reactive({
    busy,
    problem,
    error: computed(() => (problem.value && !shownAt(problem.value) ? problem.value : null)),
    wrong: (field: string) => (problem.value && isField(problem.value, field) ? problem.value.reason : ''),
    send,
    reset: () => {
      problem.value = null
      unanswered = null
    },
  }) as Submit<I, T>
}

// body.name and name are one field; of lines[0].sku the form may know all or the beginning.
function isField(problem: Problem, field: string): boolean {
  const named = problem.field?.replace(/^body\./, '')
  return named === field || (named?.startsWith(field + '[') ?? false) || (named?.startsWith(field + '.') ?? false)
}
