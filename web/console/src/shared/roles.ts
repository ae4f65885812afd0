/** What roles and permissions are called and hold, read once: useRoles().load(), roleName('cashier'), scopeName('*'). */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { api, ok, type Schemas } from '@/shared/api'
import { lang } from '@/shared/words'

export type Scope = Schemas['PermissionOut']['scope']

const named = (of: { name_zh: string; name_en: string } | undefined, otherwise: string): string =>
  of ? (lang() === 'zh' ? of.name_zh : of.name_en) : otherwise

export const useRoles = defineStore('roles', () => {
  const permissions = shallowRef<Schemas['PermissionOut'][]>([])
  const roles = shallowRef<Schemas['RoleOut'][]>([])
  let reading: Promise<void> | null = null

  async function read(): Promise<void> {
    const told = await ok(api.GET('/v1/permissions'))
    permissions.value = told.permissions
    roles.value = told.roles
  }

  function load(): Promise<void> {
    reading ??= read().catch((error: unknown) => {
      reading = null
      throw error
    })
    return reading
  }

  const roleName = (role: string): string =>
    named(
      roles.value.find((each) => each.role === role),
      role,
    )
  const scopeName = (scope: string): string =>
    named(
      permissions.value.find((each) => each.scope === scope),
      scope,
    )
  /** What a role holds; everything when it has '*'. */
  function holds(role: string): { may: string[]; mayNot: string[]; all: boolean } {
    const own = roles.value.find((each) => each.role === role)?.permissions ?? []
    const every = permissions.value.map((each) => each.scope).filter((scope) => scope !== '*')
    const all = own.includes('*')
    return {
      all,
      may: every.filter((scope) => all || own.includes(scope)).map(scopeName),
      mayNot: every.filter((scope) => !all && !own.includes(scope)).map(scopeName),
    }
  }

  return { permissions, roles, load, roleName, scopeName, holds }
})
