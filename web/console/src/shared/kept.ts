/** What this browser remembers between visits: language, theme, merchant code. Never anything secret or personal. */
import { onScopeDispose } from 'vue'

const PREFIX = 'huimeng.'

export function kept(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name)
  } catch {
    // Storage may be switched off; then nothing is remembered.
    return null
  }
}

export function keep(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name)
    else localStorage.setItem(PREFIX + name, value)
  } catch {
    // See above.
  }
}

/** Calls back when another window of this browser keeps something anew under that name, as long as the caller's scope lasts. */
export function onKeptElsewhere(name: string, heard: () => void): void {
  const hear = (event: StorageEvent): void => {
    if (event.key === PREFIX + name) heard()
  }
  addEventListener('storage', hear)
  onScopeDispose(() => removeEventListener('storage', hear))
}
