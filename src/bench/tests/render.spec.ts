import { describe, expect, test } from 'bun:test'
import type { BenchReport } from '../bench.types.ts'
import { createRow } from '../create-row.ts'
import { formatFigure, renderReport, renderRow } from '../render.ts'

const machine = { cpus: 2, kernel: 'Linux 6.1', bun: '1.4.5', date: '2026-01-02T03:04:05.000Z', load: 0.5 }
const fast = createRow({
  name: 'fast',
  unit: 'us',
  samples: [1.234],
  floor: { what: 'bare loop', samples: [0.617] },
  goal: { valueMax: 5, ratioMax: 1 },
})
const plain = createRow({ name: 'a-longer-name', unit: 'ms', samples: [123.4], note: 'of all' })

describe('the report', () => {
  const report: BenchReport = {
    machine,
    rows: [fast, plain],
    failures: [{ names: ['stop'], message: 'no sandbox', hint: 'install bubblewrap' }],
  }

  test('is one aligned table with machine, notes and what could not be measured', () => {
    expect(renderReport(report)).toBe(
      [
        '2 cpus, Linux 6.1, bun 1.4.5, 2026-01-02T03:04:05.000Z, load 0.5; medians, each beside its floor from the same run',
        '',
        'figure         p50      p99  floor  ratio  goal            met  beside',
        'fast           1.23 us  -    0.62   2.00x  <= 5 us, <= 1x  NO   bare loop',
        'a-longer-name  123 ms   -    -      -      -               -    -',
        '',
        'notes',
        '  a-longer-name: of all',
        '',
        'not measured',
        '  stop: no sandbox (install bubblewrap)',
        '',
      ].join('\n'),
    )
  })

  test('has no heading over nothing', () => {
    const text = renderReport({ machine, rows: [fast], failures: [] })
    expect(text).not.toContain('notes')
    expect(text).not.toContain('not measured')
  })
})

test('a line of progress shows the figure and what it stands beside', () => {
  expect(renderRow(fast)).toBe('fast: 1.23 us (floor 0.62 us, 2.00x)')
  expect(renderRow(plain)).toBe('a-longer-name: 123 ms')
})

test('figures keep three digits, and all of those before the point', () => {
  expect([0.0567, 1.234, 12.34, 123.4, 5039].map(formatFigure)).toEqual(['0.06', '1.23', '12.3', '123', '5039'])
})
