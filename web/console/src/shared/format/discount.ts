/** A discount as it is said: 8折 is paying 80%, in English 20% off. Inside: what is paid, in basis points. */

/** 8000 is 8折, 8550 is 8.55折, 10000 is 原价; in English 20% off, 14.5% off, full price. */
export function formatDiscount(payBps: number, locale: string): string {
  const zh = locale.startsWith('zh')
  if (payBps === 10_000) return zh ? '原价' : 'full price'
  if (zh) return trimmed(payBps, 3) + '折'
  return trimmed(10_000 - payBps, 2) + '% off'
}

/** Out of 8折, 8.5, 85折, 85 or 八五折; null: it is no discount. What is above 10 is taken as percent paid: 85 is 8.5折. */
export function parseDiscount(typed: string): number | null {
  const text = typed
    .normalize('NFKC')
    .replace(/[\s折]/g, '')
    .replace(/[一二三四五六七八九]/g, (char) => '一二三四五六七八九'.indexOf(char) + 1 + '')
  const found = /^(\d{1,2})(?:\.(\d{1,2}))?$/.exec(text)
  if (!found) return null
  const hundredths = Number(found[1]) * 100 + Number((found[2] ?? '').padEnd(2, '0'))
  const bps = hundredths <= 1000 ? hundredths * 10 : hundredths
  return bps > 0 && bps <= 10_000 ? bps : null
}

// value / 10 ** digits, without trailing zeros.
function trimmed(value: number, digits: number): string {
  const text = String(value).padStart(digits + 1, '0')
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`.replace(/\.?0+$/, '')
}
