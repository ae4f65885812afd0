/** Takes a file that was not imported out of the list, after asking. */
import type { Task } from './task'
import words from './words'
import { api, ok } from '@/shared/api'
import { confirm } from '@/shared/confirm'
import { toast } from '@/shared/toast'
import { useSubmit, type Submit } from '@/shared/use/submit'
import { useWords } from '@/shared/words'

export interface Discard {
  work: Submit<[string], Task>
  /** partner: another import reads it together with its own file. */
  ask: (task: Task, partner?: boolean) => Promise<void>
}

export function useDiscard(done: () => unknown): Discard {
  const t = useWords(words)
  const work = useSubmit(
    (key, import_id: string) =>
      ok(
        api.DELETE('/v1/imports/{import_id}', {
          params: { path: { import_id }, header: { 'Idempotency-Key': key } },
        }),
      ),
    {
      done: () => {
        toast.good(t('dropped'))
        return done()
      },
    },
  )

  async function ask(task: Task, partner = false): Promise<void> {
    const sure = await confirm({
      title: t('drop_ask', { name: task.file_name }),
      text: t(partner ? 'drop_what_partner' : 'drop_what'),
      action: t('remove'),
      danger: true,
    })
    if (sure) await work.send(task.import_id)
  }
  return { work, ask }
}
