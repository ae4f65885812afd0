/** Who is logged in, for which merchant, and what they may do. `can('orders:refund')` decides menus, pages and buttons. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { api, ok, Problem, type Schemas } from '@/shared/api'
import { carried } from '@/shared/api/client'
import { keep } from '@/shared/kept'

export const useSession = defineStore('session', () => {
  const current = ref<Schemas['SessionOut'] | null>(null)
  /** Whether the server was asked: before that nobody knows. */
  const asked = ref(false)

  function take(session: Schemas['SessionOut'] | null): void {
    current.value = session
    asked.value = true
    carried.csrf = session?.csrf_token ?? ''
  }

  async function load(): Promise<void> {
    try {
      take(await ok(api.GET('/v1/session')))
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error
      take(null)
    }
  }

  async function logIn(merchant: string, login: string, password: string): Promise<void> {
    take(await ok(api.POST('/v1/session', { body: { merchant, login, password } })))
    keep('merchant', merchant)
  }

  async function changePassword(current_password: string, new_password: string): Promise<void> {
    take(await ok(api.POST('/v1/session/password', { body: { current_password, new_password } })))
  }

  async function logOut(): Promise<void> {
    await ok(api.DELETE('/v1/session'))
    take(null)
  }

  const merchant = computed(() => current.value?.merchant ?? null)
  const staff = computed(() => current.value?.staff ?? null)
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
    mustChangePassword,
    can,
    load,
    logIn,
    changePassword,
    logOut,
    forget: () => take(null),
  }
})
