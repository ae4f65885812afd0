/** Colours of the page as a chart takes them, and the look that all charts share. */
import type { ChartOption } from './chart-engine'

export interface Colours {
  series: string[]
  ink: string
  soft: string
  line: string
  surface: string
}

export function readColours(): Colours {
  const style = getComputedStyle(document.documentElement)
  const of = (name: string): string => style.getPropertyValue(`--hm-${name}`).trim()
  return {
    series: [1, 2, 3, 4, 5].map((number) => of(`chart-${number}`)),
    ink: of('ink'),
    soft: of('soft'),
    line: of('line'),
    surface: of('surface'),
  }
}

const FONT = 'system-ui, -apple-system, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif'

type Axis = Record<string, unknown>

/** What the page gave, over the look; axes get their colours also where the page says nothing about them. */
export function dressed(given: ChartOption, colours: Colours, still: boolean): ChartOption {
  const axis = (own: unknown): Axis => {
    const one = (own ?? {}) as Axis
    return {
      axisLine: { lineStyle: { color: colours.line } },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: colours.line } },
      ...one,
      axisLabel: { color: colours.soft, fontSize: 12, hideOverlap: true, ...(one.axisLabel as Axis | undefined) },
    }
  }
  const axes = (own: unknown): Axis | Axis[] => (Array.isArray(own) ? own.map(axis) : axis(own))
  const option: Record<string, unknown> = { ...given }
  return {
    color: colours.series,
    animation: !still,
    animationDuration: 300,
    ...option,
    textStyle: { fontFamily: FONT, color: colours.ink },
    grid: {
      left: 4,
      right: 12,
      top: option.legend ? 40 : 16,
      bottom: 4,
      outerBoundsMode: 'same',
      ...(option.grid as object | undefined),
    },
    tooltip: {
      trigger: 'axis',
      confine: true,
      backgroundColor: colours.surface,
      borderColor: colours.line,
      textStyle: { color: colours.ink, fontSize: 13, fontFamily: FONT },
      axisPointer: { lineStyle: { color: colours.soft }, shadowStyle: { opacity: 0.15 } },
      ...(option.tooltip as object | undefined),
      // The policy forbids style attributes, which tooltips made of HTML would need.
      renderMode: 'richText',
    },
    legend: option.legend
      ? {
          top: 0,
          left: 0,
          itemWidth: 14,
          itemHeight: 9,
          itemGap: 16,
          textStyle: { color: colours.soft },
          ...(option.legend as object),
        }
      : undefined,
    xAxis: option.xAxis ? axes(option.xAxis) : undefined,
    yAxis: option.yAxis ? axes(option.yAxis) : undefined,
  } as ChartOption
}
