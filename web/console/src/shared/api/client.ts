/**
 * The typed client. Types come from docs/openapi.json at build time.
 *
 *   const page = await ok(api.GET('/v1/stores', { params: { query: { limit: 50 } }, signal }))
 *   const { value, tag } = await okTagged(api.GET('/v1/stores/{store_id}', { params: { path: { store_id } }, signal }))
 *   await ok(api.PATCH('/v1/stores/{store_id}', {
 *     params: { path: { store_id }, header: { 'Idempotency-Key': key, 'If-Match': tag } }, body }))
 *
 * ok() gives the body or throws a Problem. Language and CSRF token are added here; the key of a write comes from useSubmit.
 */
import createClient, { type Middleware } from 'openapi-fetch'
import type { components, paths } from './schema'
import { carried, lastingFetch } from './lasting'
import { isAttended } from './presence'
import { problemOf } from './problem'
import { lang } from '@/shared/words'

export type Schemas = components['schemas']

const headers: Middleware = {
  onRequest({ request }) {
    request.headers.set('Accept-Language', lang() === 'zh' ? 'zh-CN' : 'en')
    if (!isAttended()) request.headers.set('X-Unattended', '1')
    if (request.method !== 'GET' && carried.csrf) request.headers.set('X-CSRF-Token', carried.csrf)
    return request
  },
}

export const api = createClient<paths>({ fetch: lastingFetch, credentials: 'same-origin', baseUrl: location.origin })
api.use(headers)

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

export async function ok<T>(asked: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await asked
  if (response.ok) return data as T
  throw problemOf(response.status, error, response.headers.get('Retry-After'))
}

/** With the entity tag, for pages that change what they have read. */
export async function okTagged<T>(asked: Promise<Answer<T>>): Promise<{ value: T; tag: string }> {
  const answer = await asked
  return { value: await ok(Promise.resolve(answer)), tag: answer.response.headers.get('ETag') ?? '*' }
}
