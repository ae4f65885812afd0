/** What went wrong with a request, as one kind of error whatever the cause. */
import words from './words'
import { lang, useWords } from '@/shared/words'

const t = useWords(words)

export class Problem extends Error {
  /** 0: no answer came. code: as in docs/api.md, or `network`. */
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly fields: Record<string, unknown> = {},
    readonly retryAfter: number | null = null,
  ) {
    super(detail)
    this.name = 'Problem'
  }

  /** The field of the request that it is about, so that a form can say it there. */
  get field(): string | null {
    return typeof this.fields.field === 'string' ? this.fields.field : null
  }

  /** What is wrong with that field, without its technical name. */
  get reason(): string {
    const own = this.fields[lang() === 'zh' ? 'reason_zh' : 'reason']
    return typeof own === 'string' && own ? own : this.message
  }

  get requestId(): string | null {
    return typeof this.fields.request_id === 'string' ? this.fields.request_id : null
  }

  /** Whether trying the same again may help. */
  get passing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500
  }
}

export function noAnswer(): Problem {
  return new Problem(0, 'network', t('network'))
}

/** Of an answer that was not a success; its body is a problem document, or came from something between us and the API. */
export function problemOf(status: number, body: unknown, retryAfter: string | null): Problem {
  const seconds = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) : null
  if (typeof body === 'object' && body !== null && 'code' in body) {
    const fields = body as Record<string, unknown>
    return new Problem(status, String(fields.code), String(fields.detail ?? fields.title ?? ''), fields, seconds)
  }
  return new Problem(status, 'http_' + status, t('unexpected', { status }), {}, seconds)
}

// As each browser says it.
const FILES_LOST = /dynamically imported module|importing a module script|preload CSS/i

/** The files of a page that was not opened before could not be had: no network, or an update took their place. */
export const isFilesLost = (error: unknown): boolean => FILES_LOST.test(String(error))

/** Whatever was thrown, as a Problem; a mistake in our own code is told as such and shown in the browser's console. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (isFilesLost(error)) return noAnswer()
  reportError(error)
  return new Problem(-1, 'fault', t('fault'))
}

export const isAbort = (error: unknown): boolean => error instanceof DOMException && error.name === 'AbortError'
