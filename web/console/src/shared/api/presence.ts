/** Whether somebody is at the page: what it asks by itself while nobody is must not keep the session alive. */
const AWAY_MS = 60_000
let last = Date.now()

for (const kind of ['pointerdown', 'pointermove', 'wheel', 'keydown']) {
  addEventListener(kind, () => (last = Date.now()), { capture: true, passive: true })
}

export const isAttended = (): boolean => Date.now() - last < AWAY_MS
