/** Time zones as people read them: 中国标准时间（上海，UTC+8）, Eastern Time (New York, UTC-5/-4). */

// Browsers have no Chinese names of cities. A city that is not here stands in Latin letters, or as its country.
const CITIES: Record<string, string> = {
  'Africa/Cairo': '开罗',
  'Africa/Johannesburg': '约翰内斯堡',
  'Africa/Lagos': '拉各斯',
  'Africa/Nairobi': '内罗毕',
  'America/Anchorage': '安克雷奇',
  'America/Argentina/Buenos_Aires': '布宜诺斯艾利斯',
  'America/Buenos_Aires': '布宜诺斯艾利斯',
  'America/Chicago': '芝加哥',
  'America/Denver': '丹佛',
  'America/Detroit': '底特律',
  'America/Edmonton': '埃德蒙顿',
  'America/Halifax': '哈利法克斯',
  'America/Los_Angeles': '洛杉矶',
  'America/Mexico_City': '墨西哥城',
  'America/New_York': '纽约',
  'America/Phoenix': '菲尼克斯',
  'America/Sao_Paulo': '圣保罗',
  'America/Toronto': '多伦多',
  'America/Vancouver': '温哥华',
  'America/Winnipeg': '温尼伯',
  'Asia/Almaty': '阿拉木图',
  'Asia/Bangkok': '曼谷',
  'Asia/Calcutta': '加尔各答',
  'Asia/Colombo': '科伦坡',
  'Asia/Dhaka': '达卡',
  'Asia/Dubai': '迪拜',
  'Asia/Ho_Chi_Minh': '胡志明市',
  'Asia/Hong_Kong': '香港',
  'Asia/Irkutsk': '伊尔库茨克',
  'Asia/Jakarta': '雅加达',
  'Asia/Jerusalem': '耶路撒冷',
  'Asia/Karachi': '卡拉奇',
  'Asia/Katmandu': '加德满都',
  'Asia/Kolkata': '加尔各答',
  'Asia/Krasnoyarsk': '克拉斯诺亚尔斯克',
  'Asia/Kuala_Lumpur': '吉隆坡',
  'Asia/Kuching': '古晋',
  'Asia/Macau': '澳门',
  'Asia/Makassar': '望加锡',
  'Asia/Manila': '马尼拉',
  'Asia/Novosibirsk': '新西伯利亚',
  'Asia/Omsk': '鄂木斯克',
  'Asia/Phnom_Penh': '金边',
  'Asia/Rangoon': '仰光',
  'Asia/Riyadh': '利雅得',
  'Asia/Saigon': '胡志明市',
  'Asia/Seoul': '首尔',
  'Asia/Shanghai': '上海',
  'Asia/Singapore': '新加坡',
  'Asia/Taipei': '台北',
  'Asia/Tehran': '德黑兰',
  'Asia/Tokyo': '东京',
  'Asia/Ulaanbaatar': '乌兰巴托',
  'Asia/Urumqi': '乌鲁木齐',
  'Asia/Vientiane': '万象',
  'Asia/Vladivostok': '符拉迪沃斯托克',
  'Asia/Yakutsk': '雅库茨克',
  'Asia/Yangon': '仰光',
  'Asia/Yekaterinburg': '叶卡捷琳堡',
  'Australia/Adelaide': '阿德莱德',
  'Australia/Brisbane': '布里斯班',
  'Australia/Darwin': '达尔文',
  'Australia/Hobart': '霍巴特',
  'Australia/Melbourne': '墨尔本',
  'Australia/Perth': '珀斯',
  'Australia/Sydney': '悉尼',
  'Europe/Amsterdam': '阿姆斯特丹',
  'Europe/Athens': '雅典',
  'Europe/Berlin': '柏林',
  'Europe/Brussels': '布鲁塞尔',
  'Europe/Copenhagen': '哥本哈根',
  'Europe/Dublin': '都柏林',
  'Europe/Helsinki': '赫尔辛基',
  'Europe/Istanbul': '伊斯坦布尔',
  'Europe/Kaliningrad': '加里宁格勒',
  'Europe/London': '伦敦',
  'Europe/Madrid': '马德里',
  'Europe/Moscow': '莫斯科',
  'Europe/Oslo': '奥斯陆',
  'Europe/Paris': '巴黎',
  'Europe/Prague': '布拉格',
  'Europe/Rome': '罗马',
  'Europe/Samara': '萨马拉',
  'Europe/Stockholm': '斯德哥尔摩',
  'Europe/Vienna': '维也纳',
  'Europe/Warsaw': '华沙',
  'Europe/Zurich': '苏黎世',
  'Pacific/Auckland': '奥克兰',
  'Pacific/Honolulu': '檀香山',
}

type Style = 'long' | 'longGeneric' | 'shortGeneric' | 'shortOffset'

function told(zone: string, locale: string, style: Style, moment: number): string {
  const parts = new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: style }).formatToParts(moment)
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? ''
}

const known = new Map<string, string>()

/** A name that the browser doesn't know is given back as it is. */
export function zoneName(zone: string, locale: string, now = Date.now()): string {
  const key = `${locale}|${zone}|${new Date(now).getUTCFullYear()}`
  let name = known.get(key)
  if (name === undefined) known.set(key, (name = nameOf(zone, locale, new Date(now).getUTCFullYear())))
  return name
}

function nameOf(zone: string, locale: string, year: number): string {
  try {
    const [winter, summer] = [Date.UTC(year, 0, 1), Date.UTC(year, 6, 1)]
    const [january, july] = [winter, summer].map((at) => told(zone, 'en', 'shortOffset', at).replace('GMT', '') || '+0')
    const offset = offsets(january as string, july as string)
    // Where clocks are changed, the name of one half of the year would be wrong in the other.
    const styles: Style[] = january === july ? ['long', 'longGeneric'] : ['longGeneric', 'long']
    const name = styles.map((style) => told(zone, locale, style, winter)).find((each) => !each.startsWith('GMT')) ?? ''
    const place = placeOf(zone, locale, winter)
    const zh = locale.startsWith('zh')
    if (!name) return zh ? `${place}（${offset}）` : `${place} (${offset})`
    const where = [place === name || zone === 'UTC' ? '' : place, offset].filter(Boolean)
    return zh ? `${name}（${where.join('，')}）` : `${name} (${where.join(', ')})`
  } catch {
    return zone
  }
}

const hours = (offset: string): number => Number(offset.replace(/:\d\d/, ''))

/** UTC+8; UTC-5/-4 where clocks are changed, standard time first. */
function offsets(january: string, july: string): string {
  if (january === july) return january === '+0' ? 'UTC' : 'UTC' + january
  const [standard, summer] = hours(january) < hours(july) ? [january, july] : [july, january]
  return `UTC${standard}/${summer}`
}

function placeOf(zone: string, locale: string, moment: number): string {
  const city = zone.slice(zone.lastIndexOf('/') + 1).replaceAll('_', ' ')
  if (!locale.startsWith('zh')) return city
  const local = told(zone, 'zh-CN', 'shortGeneric', moment)
  return CITIES[zone] ?? (/^GMT|[A-Z]{3}/.test(local) ? city : local.replace(/时间$/, ''))
}

/** All that can be picked, by their texts; also: zones that the browser may not list. */
export function zoneChoices(locale: string, also: string[] = []): { zone: string; text: string }[] {
  const zones = [...new Set([...Intl.supportedValuesOf('timeZone'), 'UTC', ...also])]
  const choices = zones.map((zone) => ({ zone, text: zoneName(zone, locale) }))
  const times = new Map<string, number>()
  for (const { text } of choices) times.set(text, (times.get(text) ?? 0) + 1)
  // A text stands for one zone only, as what is typed is looked up by it.
  return choices
    .map(({ zone, text }) => ({ zone, text: times.get(text) === 1 ? text : `${text} ${zone}` }))
    .toSorted((one, other) => one.text.localeCompare(other.text, locale))
}
