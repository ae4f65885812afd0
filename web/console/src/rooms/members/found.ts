/** What was searched for, kept while the tab is open, so that the way back from a member leads to the same list. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { useSession } from '@/shared/session'

export const useMemberSearch = defineStore('member-search', () => {
  const session = useSession()
  const kept = ref<{ staff: number | undefined; text: string }>({ staff: undefined, text: '' })
  // Never in the address, which ends up in logs; and never another person's.
  const text = computed({
    get: () => (kept.value.staff === session.staff?.staff_id ? kept.value.text : ''),
    set: (typed: string) => (kept.value = { staff: session.staff?.staff_id, text: typed }),
  })
  return { text }
})
