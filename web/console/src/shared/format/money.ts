/** Money: integers of fen inside, 元 or the merchant's currency for people. No float touches an amount. */
// After NFKC, which makes full-width digits, commas, points and ¥ plain ones.
const SPOKEN: Record<string, string> = { '。': '.', '、': ',', '\u00a5': '', $: '', 元: '', 块: '' }

/**
 * Fen out of what somebody typed: full-width digits, ¥, 元, commas and spaces are fine. null: it is no amount of money.
 * More decimals than the currency has are no amount either; rounding would hide a typing error.
 */
export function parseMoney(typed: string, currency: string): number | null {
  const text = [...typed.normalize('NFKC')]
    .map((char) => SPOKEN[char] ?? char)
    .join('')
    .replace(/\s/g, '')
  const found = /^([+-]?)(\d{1,3}(?:,\d{3})+|\d{1,12})(?:\.(\d{0,2}))?$|^([+-]?)\.(\d{1,2})$/.exec(text)
  if (!found) return null
  const sign = (found[1] ?? found[4]) === '-' ? -1 : 1
  const whole = Number((found[2] ?? '0').replaceAll(',', ''))
  const cents = Number((found[3] ?? found[5] ?? '').padEnd(2, '0'))
  const fen = sign * (whole * 100 + cents)
  return Number.isSafeInteger(fen) && fen % stepFen(currency) === 0 ? fen + 0 : null
}

/** As it stands in a field that is edited: no symbol, no thousands. 1250 is 12.50, 1200 is 12. */
export function moneyInField(fen: number): string {
  const sign = fen < 0 ? '-' : ''
  const whole = Math.trunc(Math.abs(fen) / 100)
  const cents = Math.abs(fen) % 100
  return sign + whole + (cents ? '.' + String(cents).padStart(2, '0') : '')
}

/** ¥1,234.50; -¥3.00. */
export function formatMoney(fen: number, currency: string, locale: string): string {
  return formatter(`${locale}|${currency}`, () => money(locale, currency)).format(exact(fen))
}

const MYRIAD = 10_000_00
const THOUSAND = 1_000_00

/**
 * For a narrow place such as an axis: ¥12万, $1.2M; what is too small for that without cents: ¥7,935, below 100 with.
 * even: for those that stand beside each other, all with as many decimals: $8,175, $3.3万, $10.0万.
 */
export function formatMoneyShort(fen: number, currency: string, locale: string, even = false): string {
  const compact = Math.abs(fen) >= (locale.startsWith('zh') ? MYRIAD : THOUSAND)
  const cents = !compact && !even && Math.abs(fen) < 9_950 && fen % 100 !== 0
  const most = cents ? decimals(currency) : compact ? 1 : 0
  const least = compact && !even ? 0 : most
  return formatter(`short|${compact}${least}${most}|${locale}|${currency}`, () =>
    money(locale, currency, {
      notation: compact ? 'compact' : 'standard',
      minimumFractionDigits: least,
      maximumFractionDigits: most,
    }),
  ).format(exact(fen))
}

// By ISO 4217, as the server has it; a browser leaves out more, and each version others.
const WHOLE = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'
const THOUSANDTHS = 'BHD IQD JOD KWD LYD OMR TND'

/** How many decimals an amount of the currency has: 2 of yuan, none of yen. */
export const decimals = (currency: string): number =>
  WHOLE.includes(currency) ? 0 : THOUSANDTHS.includes(currency) ? 3 : 2

/** The smallest amount there is of it. */
export const stepFen = (currency: string): number => (decimals(currency) ? 1 : 100)

const YUAN: Record<string, string> = { zh: '元', en: 'yuan' }

/** What one of the currency is called: 元, 港元; yuan, Hong Kong dollar. */
export function currencyUnit(currency: string, locale: string): string {
  if (currency === 'CNY') return YUAN[locale.slice(0, 2)] ?? currency
  const named = formatter(`name|${locale}|${currency}`, () =>
    money(locale, currency, { currencyDisplay: 'name', minimumFractionDigits: 0, maximumFractionDigits: 0 }),
  )
  return named.formatToParts(1).find((part) => part.type === 'currency')?.value ?? currency
}

// As a decimal text: 1e15 fen would lose its last digits on the way through a division.
function exact(fen: number): Intl.StringNumericLiteral {
  const digits = String(Math.abs(fen)).padStart(3, '0')
  return `${fen < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}` as Intl.StringNumericLiteral
}

function money(locale: string, currency: string, options: Intl.NumberFormatOptions = {}): Intl.NumberFormat {
  const digits = decimals(currency)
  return new Intl.NumberFormat(locale, {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    ...options,
  })
}

const kept = new Map<string, Intl.NumberFormat>()

/** Making one costs far more than using it. */
export function formatter(key: string, make: () => Intl.NumberFormat): Intl.NumberFormat {
  let found = kept.get(key)
  if (!found) kept.set(key, (found = make()))
  return found
}
