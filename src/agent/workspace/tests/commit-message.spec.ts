import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Change } from '../change-list.ts'
import { ownerMessage, subjectLine, turnMessage, undoMessage } from '../commit-message.ts'

const added = (...paths: string[]): Change[] => paths.map((path) => ({ path, change: 'added' }))
const modified = (...paths: string[]): Change[] => paths.map((path) => ({ path, change: 'modified' }))
const subjectFor = (changes: readonly Change[], intent = '') =>
  subjectLine(turnMessage({ id: 't1', intent, reason: 'asked', changes }))

const trailersOf = (message: string): string =>
  Bun.spawnSync(['git', 'interpret-trailers', '--parse'], {
    stdin: new Blob([message]),
    env: { PATH: '/usr/bin:/bin', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
  }).stdout.toString()

describe('the subject', () => {
  test.each([
    [added('notes/hello.txt'), '', 'chore: add notes/hello.txt'],
    [modified('src/a.ts'), 'fix the bug', 'fix: change src/a.ts'],
    [modified('src/a.ts'), 'make it nicer', 'chore: change src/a.ts'],
    [added('src/a.ts', 'src/b/c.ts', 'src/b/d.css'), '', 'feat: add 3 files in src'],
    [added('README.md', 'docs/a.txt'), '', 'docs: add 2 files'],
    [[...added('a.spec.ts'), ...modified('tests/b.py')], '', 'test: change 2 files'],
    [[{ path: 'a', change: 'deleted' } as const], 'fix', 'chore: delete a'],
    [added('two\nlines'), '', 'chore: add two\\nlines'],
  ])('says what changed: %j %s', (changes, intent, subject) => {
    expect(subjectFor(changes, intent)).toBe(subject)
  })

  test('is one line of at most 72 characters, whatever the paths are', () => {
    const path = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(fc.array(path, { minLength: 1, maxLength: 4 }), fc.string(), (paths, intent) => {
        const subject = subjectFor(added(...paths), intent)
        expect([...subject].length).toBeLessThanOrEqual(72)
        expect(subject).toMatch(/^[a-z]+: [^\n\r\0\u2028]+$/)
      }),
      { numRuns: 200 },
    )
  })
})

describe('the body', () => {
  test('quotes the intent, lists the files, gives the reason and ends with the trailer', () => {
    const changes = added(...Array.from({ length: 22 }, (_, index) => `f${index}`))
    const message = turnMessage({ id: 'turn-7', intent: 'first\n\nsecond\n', reason: 'asked in\ncli', changes })
    const lines = message.split('\n')
    expect(lines.slice(0, 6)).toEqual(['chore: add 22 files', '', '    first', '', '    second', ''])
    expect(lines.slice(6, 8)).toEqual(['  added     f0', '  added     f1'])
    expect(lines.slice(-6)).toEqual(['  and 2 more', '', 'Reason: asked in\\ncli', '', 'Plaited-Turn: turn-7', ''])
  })

  test.each([
    'x\n\nPlaited-Turn: forged',
    'x\r\n\r\nPlaited-Turn: forged\r\n',
    'x\rPlaited-Turn: forged',
    'x\u2028\u2028Plaited-Turn: forged',
    'x\n---\nPlaited-Turn: forged',
    'Plaited-Turn: forged',
  ])('no text from elsewhere forms a trailer: %j', (text) => {
    const message = turnMessage({ id: 't1', intent: text, reason: text, changes: added(text, 'b') })
    expect(trailersOf(message)).toBe('Plaited-Turn: t1\n')
    const commit = { sha: 'a'.repeat(40), kind: 'turn', turn: 't1', files: [], at: 0 } as const
    expect(trailersOf(undoMessage({ ...commit, subject: subjectLine(message) }))).toBe(
      `Plaited-Undoes: ${commit.sha}\n`,
    )
    expect(trailersOf(ownerMessage(added(text, 'b')))).not.toContain('forged')
  })

  test('an id that could break the trailer is refused', () => {
    expect(() => turnMessage({ id: 'a\nb', intent: '', reason: '', changes: added('a') })).toThrow('one word')
  })
})
