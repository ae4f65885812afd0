/**
 * The way back for who is logged out in the middle of something: LoginDialog opens over the page, and requests wait
 * (shared/api/lasting). The same person goes on where they were; for another one the console starts anew.
 */
import { defineStore } from 'pinia'
import { ref } from 'vue'
import { useSession, whoIsThere } from '@/shared/session'

export const useComeback = defineStore('comeback', () => {
  const session = useSession()
  const open = ref(false)
  /** Somebody else is logged in: nothing of who was here may be seen any more. */
  const strange = ref(false)
  let who = ''
  let coming: Promise<boolean> | null = null
  let tell: ((back: boolean) => void) | null = null

  /** True once the same person is logged in again; false: they gave up, or nobody was there. */
  function ask(): Promise<boolean> {
    if (coming) return coming
    if (!session.current) return Promise.resolve(false)
    who = session.who
    open.value = true
    coming = new Promise((resolve) => (tell = resolve))
    return coming
  }

  function end(back: boolean): void {
    open.value = false
    coming = null
    tell?.(back)
  }

  /** Somebody is logged in; whoever has to choose a password first stays in the dialog. */
  function entered(): void {
    if (session.who !== who) startAnew()
    else if (!session.mustChangePassword) end(true)
  }

  /** Another window of this browser has logged in: the cookie is that one's now. */
  async function noticed(): Promise<void> {
    // Without an answer nothing is lost: the next request finds out.
    const found = session.current ? await whoIsThere().catch(() => null) : null
    if (!found || !session.current) return
    who = session.who
    session.take(found)
    if (open.value || session.who !== who) entered()
  }

  // Whatever waits is never answered: it isn't to be sent in another's name.
  function startAnew(): void {
    open.value = false
    strange.value = true
    location.replace('/')
  }

  return { open, strange, ask, entered, noticed, giveUp: () => end(false) }
})
