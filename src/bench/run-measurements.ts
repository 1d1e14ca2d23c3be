import { NodeError } from '../utils/node-error.ts'
import type { BenchReport, Failure, Measurement } from './bench.types.ts'
import type { Lab } from './lab.ts'
import { renderFailure, renderRow } from './render.ts'

/** Takes one measurement after the other. One that fails is reported, and the others go on. */
export const runMeasurements = async (
  measurements: readonly Measurement[],
  lab: Lab,
  progress: (line: string) => void,
): Promise<Omit<BenchReport, 'machine'>> => {
  const rows: BenchReport['rows'][number][] = []
  const failures: Failure[] = []
  for (const { names, take } of measurements) {
    try {
      lab.signal.throwIfAborted()
      const taken = await take(lab)
      rows.push(...taken)
      for (const row of taken) progress(renderRow(row))
    } catch (error) {
      const failure = toFailure(names, lab.signal.aborted ? new Error('interrupted') : error)
      failures.push(failure)
      progress(renderFailure(failure))
    }
  }
  return { rows, failures }
}

const toFailure = (names: readonly string[], error: unknown): Failure => ({
  names,
  message: error instanceof Error ? error.message : String(error),
  hint: error instanceof NodeError ? error.hint : null,
})
