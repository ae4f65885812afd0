/** Moments as they are typed: a wall clock at the merchant's place, and the moment it stands for. */

/** Of 2026-03-01T00:00 at that place; what a change of clocks leaves out is taken as the time after it. */
export function momentOf(local: string, timezone: string): string {
  const wanted = Date.parse(local + ':00Z')
  let moment = wanted - offset(wanted, timezone)
  moment = wanted - offset(moment, timezone)
  return new Date(moment).toISOString()
}

/** As the browser's own field for a moment takes it. */
export function localOf(moment: string, timezone: string): string {
  const options = { timeZone: timezone, dateStyle: 'short', timeStyle: 'short' } as const
  return new Intl.DateTimeFormat('sv-SE', options).format(new Date(moment)).replace(' ', 'T')
}

function offset(moment: number, timezone: string): number {
  const options = { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' } as const
  const there = new Intl.DateTimeFormat('sv-SE', options).format(moment).replace(' ', 'T')
  return Date.parse(there + 'Z') - Math.floor(moment / 1000) * 1000
}
