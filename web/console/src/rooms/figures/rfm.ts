/** 125 cells as a grid of 25: recency by frequency, each with its five levels of money. */
import type { Schemas } from '@/shared/api'

type Cell = Schemas['RfmCell']

export interface Square {
  r: number
  f: number
  members: number
  net_fen: number
  /** From 5 down. */
  levels: Cell[]
}

/** Rows from the latest visitors down, columns from seldom to often. */
export function gridOf(cells: Cell[]): Square[][] {
  const at = new Map(cells.map((cell) => [`${cell.r}${cell.f}${cell.m}`, cell]))
  return [5, 4, 3, 2, 1].map((r) =>
    [1, 2, 3, 4, 5].map((f) => {
      const levels = [5, 4, 3, 2, 1].flatMap((m) => at.get(`${r}${f}${m}`) ?? [])
      return {
        r,
        f,
        levels,
        members: levels.reduce((sum, cell) => sum + cell.members, 0),
        net_fen: levels.reduce((sum, cell) => sum + cell.net_fen, 0),
      }
    }),
  )
}

/** How deep a square is tinted, by what its members brought: the root keeps small ones apart. */
export function depth(square: Square, most: number): string {
  return `${Math.round(4 + 46 * Math.sqrt(Math.max(0, square.net_fen) / Math.max(1, most)))}%`
}

/** The least and most days since a last order that members of a group may have; null without members. */
export function daysSince({ cells, scales }: Pick<Schemas['Rfm'], 'cells' | 'scales'>, group: string) {
  const scores = new Set(cells.filter((cell) => cell.group === group && cell.members).map((cell) => cell.r))
  const known = scales
    .filter((scale) => scale.of === 'recency_days')
    .flatMap((scale) => scale.scores)
    .filter((each) => scores.has(each.score) && each.least != null && each.most != null)
  if (!known.length) return null
  return {
    least: Math.min(...known.map((each) => each.least ?? 0)),
    most: Math.max(...known.map((each) => each.most ?? 0)),
  }
}

/** Fewer members than these can't be told apart by groups or shares. */
export const ENOUGH = 30
