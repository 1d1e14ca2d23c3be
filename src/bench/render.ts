import type { BenchReport, BenchRow, Failure, Machine } from './bench.types.ts'

const HEADER = ['figure', 'p50', 'p99', 'floor', 'ratio', 'goal', 'met', 'beside'] as const

/** The report for a person: the machine, a table, notes, and what could not be measured. */
export const renderReport = ({ machine, rows, failures }: BenchReport): string => {
  const lines = [
    renderMachine(machine),
    '',
    ...renderTable([HEADER, ...rows.map(cellsOf)]),
    ...(rows.some(({ note }) => note !== null) ? ['', 'notes'] : []),
    ...rows.flatMap(({ name, note }) => (note === null ? [] : [`  ${name}: ${note}`])),
    ...(failures.length > 0 ? ['', 'not measured'] : []),
    ...failures.map((failure) => `  ${renderFailure(failure)}`),
  ]
  return `${lines.join('\n')}\n`
}

const renderMachine = ({ cpus, kernel, bun, date, load }: Machine): string =>
  `${cpus} cpus, ${kernel}, bun ${bun}, ${date}, load ${load.toFixed(1)}; medians, each beside its floor from the same run`

/** One line of progress. */
export const renderRow = ({ name, unit, value, floor, ratio }: BenchRow): string => {
  const beside = floor === null ? '' : ` (floor ${formatFigure(floor.value)} ${unit}${ratioText(ratio)})`
  return `${name}: ${formatFigure(value)} ${unit}${beside}`
}

export const renderFailure = ({ names, message, hint }: Failure): string =>
  `${names.join(', ')}: ${message}${hint === null ? '' : ` (${hint})`}`

const ratioText = (ratio: number | null): string => (ratio === null ? '' : `, ${ratio.toFixed(2)}x`)

const cellsOf = ({ name, unit, value, p99, floor, ratio, goal, met }: BenchRow): readonly string[] => [
  name,
  `${formatFigure(value)} ${unit}`,
  p99 === null ? '-' : formatFigure(p99),
  floor === null ? '-' : formatFigure(floor.value),
  ratio === null ? '-' : `${ratio.toFixed(2)}x`,
  goal === '' ? '-' : goal,
  met === null ? '-' : met ? 'yes' : 'NO',
  floor === null ? '-' : floor.what,
]

const renderTable = (table: readonly (readonly string[])[]): readonly string[] => {
  const widths = HEADER.map((_, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)))
  return table.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** Three significant digits, or all those before the point. */
export const formatFigure = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
