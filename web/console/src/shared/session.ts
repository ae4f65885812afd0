/** Who is logged in, for which merchant, and what they may do. `can('orders:refund')` decides menus, pages and buttons. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { api, ok, Problem, type Schemas } from '@/shared/api'
import { carried } from '@/shared/api/lasting'
import { keep } from '@/shared/kept'

/** What is remembered anew whenever somebody logs in, so that other windows of this browser notice. */
export const ENTERED = 'entered'

/** As the server says; null: nobody. */
export async function whoIsThere(): Promise<Schemas['SessionOut'] | null> {
  try {
    return await ok(api.GET('/v1/session'))
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error
    return null
  }
}

export const useSession = defineStore('session', () => {
  const current = ref<Schemas['SessionOut'] | null>(null)
  /** Whether the server was asked: before that nobody knows. */
  const asked = ref(false)

  function take(session: Schemas['SessionOut'] | null): void {
    current.value = session
    asked.value = true
    carried.csrf = session?.csrf_token ?? ''
  }

  const load = async (): Promise<void> => take(await whoIsThere())

  async function logIn(merchant: string, login: string, password: string): Promise<void> {
    take(await ok(api.POST('/v1/session', { body: { merchant, login, password } })))
    keep('merchant', merchant)
    keep(ENTERED, crypto.randomUUID())
  }

  async function changePassword(current_password: string, new_password: string): Promise<void> {
    take(await ok(api.POST('/v1/session/password', { body: { current_password, new_password } })))
    keep(ENTERED, crypto.randomUUID())
  }

  async function logOut(): Promise<void> {
    try {
      await ok(api.DELETE('/v1/session'))
    } catch (error) {
      // It was over already.
      if (!(error instanceof Problem) || error.status !== 401) throw error
    }
    take(null)
  }

  const merchant = computed(() => current.value?.merchant ?? null)
  const staff = computed(() => current.value?.staff ?? null)
  /** The same person of the same merchant has the same; '' is nobody. */
  const who = computed(() =>
    merchant.value && staff.value ? `${merchant.value.merchant_id}/${staff.value.staff_id}` : '',
  )
  const mustChangePassword = computed(() => current.value?.must_change_password ?? false)
  const permissions = computed(() => new Set(current.value?.permissions ?? []))

  function can(permission: string | undefined): boolean {
    return permission === undefined || permissions.value.has('*') || permissions.value.has(permission)
  }

  return {
    current,
    asked,
    merchant,
    staff,
    who,
    mustChangePassword,
    can,
    take,
    load,
    logIn,
    changePassword,
    logOut,
    forget: () => take(null),
  }
})
