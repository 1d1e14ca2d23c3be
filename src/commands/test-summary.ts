/** What a run of `bun test` came to. `failed` counts files that did not load, `skipped` the tests marked todo. */
export type TestSummary = { readonly passed: number; readonly failed: number; readonly skipped: number }

const LAST_LINE = /^Ran \d+ tests? across \d+ files?\./
const COUNT_LINE = /^\s*(\d+) (\S.*)$/

/**
 * Reads the counts that `bun test` prints above its last line. A run that died, or that failed outside of any test, is
 * one failure that no count shows. The JUnit report is no source: it leaves out files that did not load (Bun 1.4.5).
 */
export const summarizeTestRun = (exitCode: number, output: string): TestSummary => {
  const counts = readCounts(output.split('\n'))
  const countOf = (what: string) => counts.get(what) ?? 0
  const failed = countOf('fail')
  return {
    passed: countOf('pass'),
    failed: exitCode !== 0 && failed === 0 ? 1 : failed,
    skipped: countOf('skip') + countOf('todo'),
  }
}

const readCounts = (lines: readonly string[]): ReadonlyMap<string, number> => {
  const end = lines.findLastIndex((line) => LAST_LINE.test(line))
  const counts = new Map<string, number>()
  for (const line of lines.slice(0, Math.max(end, 0)).reverse()) {
    const [, count, what] = COUNT_LINE.exec(line) ?? []
    if (what === undefined) break
    counts.set(what, Number(count))
  }
  return counts
}

/** The line that ends a run and that scripts read: `N passed, M failed`, with `, K skipped` when there are any. */
export const formatTestSummary = ({ passed, failed, skipped }: TestSummary): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
