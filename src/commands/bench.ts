import { createLab } from '../bench/lab.ts'
import { readMachine } from '../bench/machine.ts'
import { LARGE_MEASUREMENTS, MEASUREMENTS } from '../bench/measurements.ts'
import { renderReport } from '../bench/render.ts'
import { runMeasurements } from '../bench/run-measurements.ts'
import { systemClock } from '../utils/clock.ts'
import type { RunCommand } from './command.types.ts'

/** The figures of the design, each beside its floor from the same run. A missed goal is a figure, not a failure. */
export const runBench: RunCommand = async ({ values, json, io, signal }) => {
  const machine = readMachine(systemClock)
  const { lab, remove } = createLab(signal)
  try {
    const progress = (line: string) => io.error(`${line}\n`)
    const measurements = values['large'] === true ? [...MEASUREMENTS, ...LARGE_MEASUREMENTS] : MEASUREMENTS
    const report = { machine, ...(await runMeasurements(measurements, lab, progress)) }
    io.out(json ? `${JSON.stringify(report)}\n` : renderReport(report))
    return report.failures.length === 0 ? 0 : 1
  } finally {
    remove()
  }
}
