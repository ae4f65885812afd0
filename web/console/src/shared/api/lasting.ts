/**
 * fetch that outlasts a session: who is logged out in the middle of something is asked to log in again, and then the
 * very same is sent again, with its Idempotency-Key. A 401 is told before anything is read or done, so that can't do it twice.
 */
import { sturdyFetch } from './sturdy'
import { unlessLeft } from './leaving'

/** Set by the session and by the app: the token that goes with changes; true once the same person is logged in again. */
export const carried = { csrf: '', comeBack: async (): Promise<boolean> => false }

export async function lastingFetch(request: Request): Promise<Response> {
  const again = request.clone()
  const answer = await sturdyFetch(request)
  if (!isOver(answer.status, request.url, await codeOf(answer))) return answer
  if (!(await unlessLeft(carried.comeBack(), request.signal))) return answer
  if (request.method !== 'GET') again.headers.set('X-CSRF-Token', carried.csrf)
  return lastingFetch(again)
}

/** Whether the session is over; who asks for the session itself, or ends it, is told so. */
export function isOver(status: number, url: string, code: unknown): boolean {
  return status === 401 && code === 'unauthorized' && new URL(url, location.origin).pathname !== '/v1/session'
}

async function codeOf(answer: Response): Promise<unknown> {
  if (answer.status !== 401) return undefined
  const body: unknown = await answer
    .clone()
    .json()
    .catch(() => null)
  return typeof body === 'object' && body !== null && 'code' in body ? body.code : undefined
}
