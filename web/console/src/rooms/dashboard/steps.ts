/** What a merchant without data does first, and which of it is done already. */
import { UserPlus, KeyRound, ReceiptText, Sparkles, Store, Users } from '@lucide/vue'
import type { Component } from 'vue'
import { api, ok } from '@/shared/api'

export interface Step {
  name: 'store' | 'rule' | 'members' | 'orders' | 'staff' | 'keys'
  icon: Component
  to: string
  /** To do it, and to know whether it is done. */
  write: string
  read: string
  done: (signal: AbortSignal) => Promise<boolean>
}

const any = async (asked: Promise<{ items: unknown[] }>, more = 0): Promise<boolean> =>
  (await asked).items.length > more
const query = { limit: 2 }

export const STEPS: Step[] = [
  {
    name: 'store',
    icon: Store,
    to: '/stores/new',
    write: 'settings:write',
    read: 'settings:read',
    done: (signal) => any(ok(api.GET('/v1/stores', { params: { query }, signal }))),
  },
  {
    name: 'rule',
    icon: Sparkles,
    to: '/rules',
    write: 'rules:write',
    read: 'rules:read',
    done: (signal) => any(ok(api.GET('/v1/earning-rules', { params: { query }, signal }))),
  },
  {
    name: 'members',
    icon: Users,
    to: '/imports',
    write: 'imports:write',
    read: 'members:read',
    done: (signal) => any(ok(api.GET('/v1/members', { params: { query }, signal }))),
  },
  {
    name: 'orders',
    icon: ReceiptText,
    to: '/imports',
    write: 'imports:write',
    read: 'orders:read',
    done: (signal) => any(ok(api.GET('/v1/orders', { params: { query }, signal }))),
  },
  {
    name: 'staff',
    icon: UserPlus,
    to: '/staff',
    write: 'staff:write',
    read: 'staff:read',
    // The owner is one of them.
    done: (signal) => any(ok(api.GET('/v1/staff', { params: { query }, signal })), 1),
  },
  {
    name: 'keys',
    icon: KeyRound,
    to: '/keys',
    write: 'settings:write',
    read: 'settings:write',
    done: (signal) => any(ok(api.GET('/v1/api-keys', { params: { query }, signal }))),
  },
]
