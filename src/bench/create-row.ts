import type { BenchRow, Goal, Unit } from './bench.types.ts'
import { median, p99 } from './statistics.ts'

/** Samples in the row's unit. */
export type RowSamples = {
  readonly name: string
  readonly unit: Unit
  readonly samples: readonly number[]
  /** Samples of single calls, where `samples` are means of batches. */
  readonly tail?: readonly number[]
  readonly floor?: { readonly what: string; readonly samples: readonly number[] }
  readonly goal?: Goal
  readonly note?: string
}

/** Reduces samples to a row and holds it against its goal. */
export const createRow = ({ name, unit, samples, tail, floor, goal = {}, note }: RowSamples): BenchRow => {
  const value = median(samples)
  const floorValue = floor ? median(floor.samples) : null
  const figures = {
    value,
    p99: p99(tail ?? samples),
    ratio: floorValue === null || floorValue === 0 ? null : value / floorValue,
  }
  const parts = goalParts(goal, unit, figures)
  return {
    name,
    unit,
    ...figures,
    floor: floor && floorValue !== null ? { what: floor.what, value: floorValue } : null,
    goal: parts.map(({ text }) => text).join(', '),
    met: parts.length === 0 ? null : parts.every(({ holds }) => holds),
    note: note ?? null,
  }
}

// A limit whose figure is missing does not hold.
const goalParts = (
  { valueMax, ratioMax, p99Max, claim }: Goal,
  unit: Unit,
  figures: Pick<BenchRow, 'value' | 'p99' | 'ratio'>,
): readonly { readonly text: string; readonly holds: boolean }[] => [
  ...(valueMax === undefined ? [] : [{ text: `<= ${valueMax} ${unit}`, holds: figures.value <= valueMax }]),
  ...(ratioMax === undefined ? [] : [{ text: `<= ${ratioMax}x`, holds: (figures.ratio ?? Infinity) <= ratioMax }]),
  ...(p99Max === undefined ? [] : [{ text: `p99 <= ${p99Max} ${unit}`, holds: (figures.p99 ?? Infinity) <= p99Max }]),
  ...(claim === undefined ? [] : [claim]),
]
