import { describe, expect, test } from 'bun:test'
import { type CallEnd, explainEnd } from '../explain-end.ts'
import { SANDBOX_LIMITS } from '../sandbox-limits.ts'

const notesOf = (end: Partial<Omit<CallEnd, 'stderr'>> & { readonly stderr?: string }): string =>
  explainEnd(
    {
      ...{ killedBy: null, exitCode: 1, timeoutMs: 5000, outOfProcesses: false },
      ...end,
      stderr: Buffer.from(end.stderr ?? ''),
    },
    SANDBOX_LIMITS,
  ).join('\n')

describe('a call that met a limit is told which, and what to do instead', () => {
  const cases: readonly (readonly [string, Parameters<typeof notesOf>[0], string, string])[] = [
    ['time', { killedBy: 'timeout' }, 'time limit of 5s', 'longer timeout (at most 600000 ms)'],
    ['the longest time', { killedBy: 'timeout', timeoutMs: 600_000 }, '10m, the longest', 'split the work'],
    ['output', { killedBy: 'output' }, 'printed too much', 'to a file'],
    ['memory', { killedBy: 'memory' }, '2GiB together', 'less at a time'],
    ['disk', { killedBy: 'disk' }, 'may add 2GiB', 'write less'],
    ['files', { killedBy: 'files' }, 'may add 200000', 'fewer'],
    ['the workspace', { killedBy: 'workspace' }, '16GiB', 'delete what is not needed'],
    ['processor time', { exitCode: 152 }, '1m of processor time', 'endless loop'],
    ['file size, by signal', { exitCode: 153 }, 'reached 512MiB', 'several smaller ones'],
    ['file size, by error', { stderr: 'dd: error writing: File too large' }, 'reached 512MiB', 'several smaller ones'],
    ['a kill by the kernel', { exitCode: 137 }, 'killed from outside', 'less at a time'],
    ['processes', { stderr: 'bash: fork: retry: Resource temporarily unavailable' }, '256 processes', 'fewer'],
    ['processes of a group', { outOfProcesses: true }, '256 processes', 'fewer'],
    ['open files', { stderr: "EMFILE: too many open files, open 'x'" }, '1024 open files', 'close some'],
    ['temporary space', { stderr: 'write: No space left on device' }, '/tmp and /dev/shm hold 256MiB', '/workspace'],
    ['reserved memory', { stderr: 'fork: Cannot allocate memory' }, 'may reserve 6GiB', 'less at a time'],
  ]
  test.each(cases)('%s', (_, end, what, instead) => {
    expect(notesOf(end)).toContain(what)
    expect(notesOf(end)).toContain(instead)
  })

  test('one that succeeded or simply failed is told nothing', () => {
    expect(notesOf({ exitCode: 0, stderr: 'No space left on device' })).toBe('')
    expect(notesOf({ exitCode: 1, stderr: 'no such file' })).toBe('')
  })

  test('one that the owner stopped is told just that', () => {
    expect(notesOf({ killedBy: 'stop' })).toBe('It was stopped before it had ended.')
  })
})
