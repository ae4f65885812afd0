/** Who acted, as the API names them (staff:7, key:3, cli), in words; names are read once where that is allowed. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { all } from '@/shared/catalog'
import { api, ok, type Schemas } from '@/shared/api'
import { useSession } from '@/shared/session'
import { defineWords, useWords } from '@/shared/words'

const words = defineWords(
  'people',
  { staff: '员工 {id}', key: '密钥 {id}', key_named: '密钥“{name}”', cli: '服务器命令行', system: '系统' },
  { staff: 'Staff {id}', key: 'Key {id}', key_named: 'Key “{name}”', cli: 'Command line', system: 'The system' },
)

const LIMIT = 200

export const usePeople = defineStore('people', () => {
  const session = useSession()
  const t = useWords(words)
  const staff = shallowRef<Schemas['Staff'][]>([])
  const keys = shallowRef<Schemas['ApiKey'][]>([])

  /** Who may not see staff or keys gets numbers. */
  async function load(): Promise<void> {
    const [people, secrets] = await Promise.all([
      session.can('staff:read')
        ? all((cursor) => ok(api.GET('/v1/staff', { params: { query: { limit: LIMIT, cursor } } })))
        : [],
      session.can('settings:write')
        ? all((cursor) => ok(api.GET('/v1/api-keys', { params: { query: { limit: LIMIT, cursor } } })))
        : [],
    ])
    staff.value = people
    keys.value = secrets
  }

  function nameOf(actor: string, known = ''): string {
    const [kind, id] = actor.split(':')
    if (kind === 'staff') {
      return known || (staff.value.find((each) => String(each.staff_id) === id)?.name ?? t('staff', { id: id ?? '' }))
    }
    if (kind === 'key') {
      const name = known || keys.value.find((each) => String(each.key_id) === id)?.name
      return name ? t('key_named', { name }) : t('key', { id: id ?? '' })
    }
    if (kind === 'cli') return known ? `${t('cli')} (${known})` : t('cli')
    return kind === 'system' ? t('system') : known || actor
  }

  return { staff, keys, load, nameOf }
})
