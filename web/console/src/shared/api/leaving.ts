/** A page that is left ends its requests, also those that wait. */
const left = (): DOMException => new DOMException('left', 'AbortError')

/** What is waited for, or an AbortError at once when the page is left. */
export function unlessLeft<T>(waited: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(left())
    if (signal.aborted) return leave()
    signal.addEventListener('abort', leave, { once: true })
    waited.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
