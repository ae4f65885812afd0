/**
 * Sends one big file as the body of a POST and tells how far it is: fetch can't.
 *
 *   const task = await upload<Schemas['ImportOut']>('/v1/imports', { kind: 'orders', hold: 'true' }, file,
 *     { key, told: (sent) => (progress.value = sent), signal })
 */
import { carried, isOver } from './lasting'
import { unlessLeft } from './leaving'
import { noAnswer, Problem, problemOf } from './problem'
import { lang } from '@/shared/words'

interface Options {
  key: string
  /** Bytes that are on their way. */
  told: (sent: number) => void
  signal: AbortSignal
}

export async function upload<T>(path: string, query: Record<string, string>, file: File, options: Options): Promise<T> {
  try {
    return await send<T>(path, query, file, options)
  } catch (error) {
    if (!(error instanceof Problem) || !isOver(error.status, path, error.code)) throw error
    // As lastingFetch does.
    if (!(await unlessLeft(carried.comeBack(), options.signal))) throw error
  }
  return upload(path, query, file, options)
}

function send<T>(path: string, query: Record<string, string>, file: File, options: Options): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const stop = (): void => request.abort()
    options.signal.addEventListener('abort', stop, { once: true })
    request.upload.addEventListener('progress', (event) => options.told(event.loaded))
    request.addEventListener('error', () => reject(noAnswer()))
    request.addEventListener('abort', () => reject(new DOMException('left', 'AbortError')))
    request.addEventListener('load', () => {
      const body = parsed(request.responseText)
      if (request.status >= 200 && request.status < 300 && body !== undefined) return resolve(body as T)
      reject(problemOf(request.status, body, request.getResponseHeader('Retry-After')))
    })
    request.addEventListener('loadend', () => options.signal.removeEventListener('abort', stop))
    request.open('POST', `${path}?${new URLSearchParams(query)}`)
    request.setRequestHeader('Content-Type', 'application/octet-stream')
    request.setRequestHeader('Accept-Language', lang() === 'zh' ? 'zh-CN' : 'en')
    request.setRequestHeader('X-CSRF-Token', carried.csrf)
    request.setRequestHeader('Idempotency-Key', options.key)
    if (options.signal.aborted) return reject(new DOMException('left', 'AbortError'))
    request.send(file)
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
