import { describe, expect, it, test } from 'vitest'
import { addDays, addMonths, daysBetween, formatRange, formatTime, today } from './day'
import { formatDiscount, parseDiscount } from './discount'
import { currencyUnit, formatMoney, formatMoneyShort, moneyInField, parseMoney, stepFen } from './money'
import { changeBps, formatInteger, formatPercent, sharesShown } from './number'
import { zoneChoices, zoneName } from './zone'

describe('money that people type', () => {
  test.each([
    ['12.5', 1250],
    ['12.50元', 1250],
    ['¥1,234.5', 123450],
    ['¥ 1,234。5', 123450],
    ['12 块', 1200],
    ['.5', 50],
    ['-3', -300],
    ['0', 0],
    ['999999999999.99', 99999999999999],
  ])('%s', (typed, fen) => expect(parseMoney(typed, 'CNY')).toBe(fen))

  test.each(['', 'abc', '12.345', '1,23', '1e3', '--1', '12.5.1', '9999999999999', '￥'])('%s is no amount', (typed) =>
    expect(parseMoney(typed, 'CNY')).toBeNull(),
  )

  test.each([0, 1, 99, 100, 1250, 123456789, -305])('%d fen come back as they were', (fen) =>
    expect(parseMoney(moneyInField(fen), 'CNY')).toBe(fen),
  )
})

test.each([
  ['JPY', '10.5', null],
  ['JPY', '.5', null],
  ['JPY', '1000', 100_000],
  ['JPY', '1,000.00', 100_000],
  ['KRW', '-3000', -300_000],
  ['KWD', '1.25', 125],
])('%s %s', (currency, typed, fen) => expect(parseMoney(typed, currency)).toBe(fen))

test('money as it is shown', () => {
  expect(formatMoney(123450, 'CNY', 'zh-CN')).toBe('¥1,234.50')
  expect(formatMoney(-305, 'USD', 'en')).toBe('-$3.05')
  expect(formatMoney(5, 'CNY', 'zh-CN')).toBe('¥0.05')
  expect(formatMoney(900719925474099, 'CNY', 'zh-CN')).toBe('¥9,007,199,254,740.99')
  expect(formatMoneyShort(35123400, 'CNY', 'zh-CN')).toBe('¥35.1万')
  expect(formatMoneyShort(123456700, 'USD', 'en')).toBe('$1.2M')
  expect([112970, 504250, 1000000, 100173100, -300].map((fen) => formatMoneyShort(fen, 'USD', 'zh-CN', true))).toEqual([
    '$1,130',
    '$5,043',
    '$1.0万',
    '$100.2万',
    '-$3',
  ])
  expect(formatMoneyShort(793450, 'CNY', 'zh-CN')).toBe('¥7,935')
  expect(formatMoneyShort(793450, 'USD', 'en')).toBe('$7.9K')
  expect(formatMoneyShort(1000000, 'CNY', 'zh-CN')).toBe('¥1万')
  expect([1550, 5000, 0, -2050].map((fen) => formatMoneyShort(fen, 'CNY', 'zh-CN'))).toEqual([
    '¥15.50',
    '¥50',
    '¥0',
    '-¥20.50',
  ])
  expect([50000, 504250].map((fen) => formatMoneyShort(fen, 'USD', 'en', true))).toEqual(['$500', '$5.0K'])
})

test('money has the decimals of its currency', () => {
  expect(formatMoney(123450, 'JPY', 'en')).toBe('¥1,235')
  expect(formatMoneyShort(1550, 'JPY', 'en')).toBe('¥16')
  expect(formatMoneyShort(1550, 'HKD', 'en')).toBe('$15.50')
  // Where browsers leave decimals out that the currency has.
  expect(formatMoney(1050, 'IDR', 'en').replace(/\s/, ' ')).toBe('Rp 10.50')
  expect([moneyInField(100_000), stepFen('JPY'), stepFen('CNY')]).toEqual(['1000', 100, 1])
})

test.each([
  ['CNY', '元', 'yuan'],
  ['HKD', '港元', 'Hong Kong dollar'],
  ['JPY', '日元', 'Japanese yen'],
  ['XXQ', 'XXQ', 'XXQ'],
])('one %s is called %s, %s', (currency, zh, en) =>
  expect([currencyUnit(currency, 'zh-CN'), currencyUnit(currency, 'en')]).toEqual([zh, en]),
)

test('numbers and shares', () => {
  expect(formatInteger(1234567, 'zh-CN')).toBe('1,234,567')
  expect(formatPercent(8585, 'zh-CN')).toBe('85.9%')
  expect(formatPercent(8585, 'en', 2)).toBe('85.85%')
  expect(changeBps(110, 100)).toBe(1000)
  expect(changeBps(50, 100)).toBe(-5000)
  expect([changeBps(1, 0), changeBps(1, null)]).toEqual([null, null])
})

describe('a discount as it is said', () => {
  test.each([
    [8000, '8折', '20% off'],
    [8550, '8.55折', '14.5% off'],
    [9500, '9.5折', '5% off'],
    [500, '0.5折', '95% off'],
    [10_000, '原价', 'full price'],
  ])('%d', (bps, zh, en) => expect([formatDiscount(bps, 'zh-CN'), formatDiscount(bps, 'en')]).toEqual([zh, en]))

  test.each([
    ['8折', 8000],
    ['8.5', 8500],
    ['85折', 8500],
    ['八五折', 8500],
    ['8', 8000],
    ['10', 10_000],
    ['95', 9500],
  ])('%s', (typed, bps) => expect(parseDiscount(typed)).toBe(bps))

  test.each(['', '0', '折', '-8', '100', '8.555', 'x'])('%s is none', (typed) =>
    expect(parseDiscount(typed)).toBeNull(),
  )
})

describe('days', () => {
  it('knows the day at a place, and a business day that begins later', () => {
    const moment = Date.parse('2026-03-05T17:30:00Z')
    expect(today('Asia/Shanghai', 0, moment)).toBe('2026-03-06')
    expect(today('Asia/Shanghai', 240, moment)).toBe('2026-03-05')
    expect(today('America/New_York', 0, moment)).toBe('2026-03-05')
  })

  it('counts over ends of months and years', () => {
    expect(addDays('2026-12-31', 1)).toBe('2027-01-01')
    expect(addDays('2024-03-01', -1)).toBe('2024-02-29')
    expect(addMonths('2026-01-01', -1)).toBe('2025-12-01')
    expect(daysBetween('2026-02-01', '2026-02-28')).toBe(28)
  })

  it('is written as people write it', () => {
    expect(formatRange('2017-06-01', '2017-06-30', 'zh-CN')).toBe('2017年6月1日 至 6月30日')
    expect(formatRange('2016-12-01', '2017-01-31', 'en')).toBe('Dec 1, 2016 – Jan 31, 2017')
    expect(formatTime('2026-03-05T17:30:00Z', 'Asia/Shanghai')).toBe('2026-03-06 01:30')
  })
})

describe('time zones', () => {
  const now = Date.parse('2026-03-05T00:00:00Z')
  test.each([
    ['Asia/Shanghai', 'zh-CN', '中国标准时间（上海，UTC+8）'],
    ['Asia/Shanghai', 'en', 'China Standard Time (Shanghai, UTC+8)'],
    ['America/New_York', 'zh-CN', '北美东部时间（纽约，UTC-5/-4）'],
    ['America/New_York', 'en', 'Eastern Time (New York, UTC-5/-4)'],
    ['Australia/Sydney', 'en', 'Australian Eastern Time (Sydney, UTC+10/+11)'],
    ['Asia/Urumqi', 'zh-CN', '乌鲁木齐时间（乌鲁木齐，UTC+6）'],
    ['UTC', 'zh-CN', '协调世界时（UTC）'],
    ['UTC', 'en', 'Coordinated Universal Time (UTC)'],
    ['Etc/GMT+3', 'en', 'GMT+3 (UTC-3)'],
    ['Nowhere/At_All', 'en', 'Nowhere/At_All'],
  ])('%s in %s', (zone, locale, text) => expect(zoneName(zone, locale, now)).toBe(text))

  test.each(['zh-CN', 'en'])('each of the list has a text of its own in %s', (locale) => {
    const choices = zoneChoices(locale, ['Etc/GMT+3'])
    expect(new Set(choices.map((each) => each.text)).size).toBe(choices.length)
    expect(choices.map((each) => each.zone)).toEqual(expect.arrayContaining(['Asia/Shanghai', 'UTC', 'Etc/GMT+3']))
  })
})

describe('shares of one whole', () => {
  it('make 100.0% as they are shown', () => {
    expect(sharesShown([7985, 2015])).toEqual([7990, 2010])
    expect(sharesShown([3333, 3333, 3333])).toEqual([3340, 3330, 3330])
    expect(sharesShown([10_586, -586])).toEqual([10_590, -590])
    expect(sharesShown([10_000, null])).toEqual([10_000, null])
  })
})
