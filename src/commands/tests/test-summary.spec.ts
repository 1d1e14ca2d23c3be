import { describe, expect, test } from 'bun:test'
import { formatTestSummary, summarizeTestRun } from '../test-summary.ts'

const output = `
src/a.spec.ts:
 12 pass
 99 fail
Ran 5 tests across 1 file. [1.00ms]
(fail) what a test printed above is no summary

 3 pass
 3 skip
 1 todo
 4 fail
 2 errors
 2 expect() calls
Ran 11 tests across 4 files. [11.00ms]
`

describe('the summary of a test run', () => {
  test('comes from the last block of counts, whatever the tests printed before', () => {
    expect(summarizeTestRun(1, output)).toEqual({ passed: 3, failed: 4, skipped: 4 })
  })

  test('of a single test is read', () => {
    const single = ' 1 pass\n 0 fail\nRan 1 test across 1 file. [3.00ms]\n'
    expect(summarizeTestRun(0, single)).toEqual({ passed: 1, failed: 0, skipped: 0 })
  })

  test.each([
    ['died before its last line', ' 3 pass\n 0 fail\n', 0],
    ['found no test file', 'The following filters did not match any test files:\n', 0],
    ['failed outside of any test', ' 3 pass\n 0 fail\nRan 3 tests across 1 file. [1.00ms]\n', 3],
  ])('counts one failure when the run %s', (_, text, passed) => {
    expect(summarizeTestRun(1, text)).toEqual({ passed, failed: 1, skipped: 0 })
  })

  test('counts nothing where nothing ran', () => {
    expect(summarizeTestRun(0, '')).toEqual({ passed: 0, failed: 0, skipped: 0 })
  })

  test('names skipped tests only when there are any', () => {
    expect(formatTestSummary({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed')
    expect(formatTestSummary({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped')
  })
})
