/** The parts of `bin/plaited test --containment` that need no attack: what the gate is asked, and what is written. */
import { describe, expect, test } from 'bun:test'
import { containmentArgv } from '../../../src/commands/containment.ts'
import { containmentDocument, type Measured, type Row } from './containment-document.ts'
import { createGateJudge } from './layers.ts'

const row = (changes: Partial<Row>): Row => ({
  ...{ group: 'read', name: 'a | claim', gate: 'allowed', sandbox: [true, true], undo: 'nothing to undo' },
  ...changes,
})
const measured = (rows: readonly Row[]): Measured => ({
  rows,
  users: ['root', 'user'],
  killNine: { calls: 9, kills: 3, processesLeft: [], repositoryFaults: '', descriptorsEarly: 30, descriptorsLate: 30 },
  ...{ kernel: '6.1', bubblewrap: '0.8.0', git: '2.39', day: '2026-01-31' },
})

describe('the containment document', () => {
  test('counts what each layer stops alone, and leaves sanity checks out of it', () => {
    const text = containmentDocument(
      measured([
        row({ gate: 'blocked' }),
        row({ group: 'write', name: 'b', sandbox: [true, false], undo: 'undone' }),
        row({ group: 'write', name: 'c', undo: 'partly' }),
        row({ group: 'sanity', name: 'd', gate: 'blocked' }),
      ]),
    )
    expect(text).toMatch(/1\. gate, with the seed rules +\| 1 +\| 3 /)
    expect(text).toMatch(/2\. sandbox, root +\| 3 +\| 3 /)
    expect(text).toMatch(/2\. sandbox, user +\| 2 +\| 3 /)
    expect(text).toMatch(/is undone +\| 1 +\| 2 that changed it/)
    expect(text).toContain('1 of 1 checks pass')
    expect(text).toMatch(/\| b +\| allowed \| holds +\| ESCAPED +\| undone +\|/)
    expect(text).toContain('a \\| claim')
    expect(text).toContain('2026-01-31, Linux 6.1, bubblewrap 0.8.0')
    expect(text).not.toContain('## sanity')
  })

  test('is the same for the same measurement', () => {
    expect(containmentDocument(measured([row({})]))).toBe(containmentDocument(measured([row({})])))
  })
})

test('the gate is asked about every step of an attack, and one blocked step stops it', () => {
  const judge = createGateJudge()
  const bash = (command: string) => ({ kind: 'bash', command, timeoutMs: 1000 }) as const
  expect(judge([bash('echo hello')])).toBe('allowed')
  expect(judge([bash('echo hello'), bash('rm -rf /')])).toBe('blocked')
  expect(judge([{ kind: 'write', path: '/etc/passwd', content: 'x' }])).toBe('blocked')
})

test('--containment stands alone', () => {
  expect(containmentArgv(['--containment'])).toContain('docs/containment.md')
  expect(() => containmentArgv(['--containment', 'sandbox'])).toThrow('takes nothing besides')
})
