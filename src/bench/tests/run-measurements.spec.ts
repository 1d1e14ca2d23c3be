import { describe, expect, test } from 'bun:test'
import { NodeError } from '../../utils/node-error.ts'
import type { Measurement } from '../bench.types.ts'
import { createRow } from '../create-row.ts'
import type { Lab } from '../lab.ts'
import { runMeasurements } from '../run-measurements.ts'

const takes = (name: string): Measurement => ({
  names: [name],
  take: async () => [createRow({ name, unit: 'ms', samples: [1] })],
})
const fails: Measurement = {
  names: ['b', 'c'],
  take: () => Promise.reject(new NodeError('SANDBOX_UNAVAILABLE', 'no sandbox', { hint: 'install it' })),
}
const labUntil = (signal: AbortSignal): Lab => ({
  folder: (name) => name,
  home: () => Promise.reject(new Error('no home here')),
  signal,
})

describe('the measurements', () => {
  test('go on after one that failed, which is named with its mend', async () => {
    const lines: string[] = []
    const lab = labUntil(new AbortController().signal)
    const { rows, failures } = await runMeasurements([takes('a'), fails, takes('d')], lab, (line) => lines.push(line))
    expect(rows.map(({ name }) => name)).toEqual(['a', 'd'])
    expect(failures).toEqual([{ names: ['b', 'c'], message: 'no sandbox', hint: 'install it' }])
    expect(lines).toEqual(['a: 1.00 ms', 'b, c: no sandbox (install it)', 'd: 1.00 ms'])
  })

  test('that an interruption left out are not passed over in silence', async () => {
    const abort = new AbortController()
    const interrupts: Measurement = {
      names: ['b'],
      take: async () => {
        abort.abort()
        return []
      },
    }
    const { rows, failures } = await runMeasurements(
      [takes('a'), interrupts, takes('c')],
      labUntil(abort.signal),
      () => {},
    )
    expect(rows.map(({ name }) => name)).toEqual(['a'])
    expect(failures).toEqual([{ names: ['c'], message: 'interrupted', hint: null }])
  })
})
