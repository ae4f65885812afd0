/** What this browser remembers between visits: language, theme, merchant code. Never anything secret or personal. */
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
