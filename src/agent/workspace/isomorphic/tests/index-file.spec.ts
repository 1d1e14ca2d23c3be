import { expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWhen } from '../../../../../test/helpers.ts'
import { formatIndex, isSameStamp, parseIndex, stampOf, UNSTAMPED } from '../program/index-file.ts'
import { encodePath, isRefusedName } from '../program/paths.ts'
import { MODE } from '../program/trees.ts'

const LATER_NS = 4_000_000_000n * 1_000_000_000n
const oid = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'

test('an index is read as it was written, and only older entries are trusted', () => {
  const stamp = [5, 6, 7, 8, 9, 10, MODE.program, 12, 13, 14]
  const index = new Map([
    ['z/longer name', { mode: MODE.program, oid, stamp }],
    ['a', { mode: MODE.program, oid, stamp }],
    ['b'.repeat(5_000), { mode: MODE.program, oid, stamp }],
  ])
  const bytes = formatIndex(index)
  expect([...parseIndex(bytes, LATER_NS)]).toEqual([...index].toSorted())
  expect([...parseIndex(bytes, 7_000_000_008n).values()].map((entry) => entry.stamp)).toEqual([
    UNSTAMPED,
    UNSTAMPED,
    UNSTAMPED,
  ])
})

describeWhen(Bun.which('git') !== null, 'there is no git', 'an index of git', () => {
  const withRepository = (use: (git: (...args: string[]) => void, folder: string) => void): void => {
    const folder = mkdtempSync(join(tmpdir(), 'plaited-index-'))
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: folder, GIT_CONFIG_NOSYSTEM: '1' }
    const git = (...args: string[]) => {
      const { exitCode, stderr } = Bun.spawnSync(['git', ...args], { cwd: folder, env })
      if (exitCode !== 0) throw new Error(stderr.toString())
    }
    try {
      git('init', '--quiet')
      writeFileSync(join(folder, 'a'), '')
      git('add', 'a')
      use(git, folder)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  const read = (folder: string) => parseIndex(readFileSync(join(folder, '.git/index')), LATER_NS)

  test('tells which file it means', () => {
    withRepository((_, folder) => {
      const entry = read(folder).get('a')
      expect(entry?.oid).toBe(oid)
      expect(isSameStamp(entry?.stamp ?? [], stampOf(statSync(join(folder, 'a'), { bigint: true }), MODE.file))).toBe(
        true,
      )
    })
  })

  test.each([
    ['index-form', ['update-index', '--index-version', '4']],
    ['index-form', ['update-index', '--split-index']],
    ['sparse', ['update-index', '--assume-unchanged', 'a']],
    ['index-form', ['update-index', '--skip-worktree', 'a']],
  ] as const)('that would lose something is refused: %s', (unusable, args) => {
    withRepository((git, folder) => {
      git(...args)
      expect(() => read(folder)).toThrow(unusable)
    })
  })
})

test.each([
  ...['.git', '.GIT', 'git~1', 'GIT~1', '.git ', '.git...', '.git:stream', 'a\\.git', 'git~1\\x'],
  ...['.g\u200cit', '\u202e.GIT', '.git\ufeff', '.gi\u206ft'],
])('the name %s is refused, as git refuses it', (name) => expect(isRefusedName(encodePath(name), 'file')).toBe(true))

test('other names are not refused', () => {
  for (const name of [
    '.gitignore',
    'git',
    '.gitx',
    'git~2',
    'x.git',
    '.gitmodules',
    '...',
    ' .git',
    '\u200c',
    '.g\u0131t',
  ])
    expect(isRefusedName(encodePath(name), 'file')).toBe(false)
  for (const name of ['.gitmodules', '.git\u200dmodules']) expect(isRefusedName(encodePath(name), 'link')).toBe(true)
})
