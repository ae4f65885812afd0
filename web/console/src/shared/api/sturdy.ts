/** fetch that asks again where that can do no harm: reads after a lost connection, 429 and 503. Writes are told at once. */
import { unlessLeft } from './leaving'
import { isAbort, noAnswer } from './problem'

// Posts that write nothing.
const READS = /^\/v1\/(members\/search|orders\/quote|orders\/\d+\/refunds\/quote|earning-rules\/try)$/
const TRIES = 3
const PAUSES_MS = [400, 1200]
// Longer than this nobody waits for a page without being told.
const MOST_PATIENCE_S = 5

export async function sturdyFetch(request: Request): Promise<Response> {
  const read = request.method === 'GET' || READS.test(new URL(request.url).pathname)
  for (let tried = 1; ; tried++) {
    const last = !read || tried === TRIES
    let wait = PAUSES_MS[tried - 1] ?? 0
    try {
      const answer = await fetch(last ? request : request.clone())
      if (last || (answer.status !== 429 && answer.status !== 503)) return answer
      const told = Number(answer.headers.get('Retry-After') ?? 0)
      if (told > MOST_PATIENCE_S) return answer
      wait = Math.max(wait, told * 1000)
    } catch (error) {
      if (isAbort(error)) throw error
      if (last) throw noAnswer()
    }
    await pause(wait, request.signal)
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    await unlessLeft(new Promise((resolve) => (timer = setTimeout(resolve, ms))), signal)
  } finally {
    clearTimeout(timer)
  }
}
