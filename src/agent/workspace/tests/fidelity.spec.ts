/** What a commit keeps, an undo brings back: whatever a command leaves in the workspace, over two random turns. */
import { expect, test } from 'bun:test'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { type Arbitrary, array, assert, asyncProperty, constantFrom, record, uint8Array } from 'fast-check'
import { createOpenedFixture } from './workspace-fixture.ts'

/** Few, because each is some twenty runs of real git. */
const RUNS = 5
const TIMEOUT_MS = 30_000

/** As long as a path may be (PATH_MAX, 4,096 bytes with the end), in names as long as they may be. */
const longPath = (root: string): string => {
  const bytes = 4_095 - Buffer.byteLength(`${root}/`)
  const names = Array.from({ length: Math.ceil(bytes / 251) }, () => 'ü'.repeat(125))
  return Buffer.from(names.join('/'))
    .subarray(0, bytes)
    .toString()
    .replace(/\ufffd$/, 'x')
    .replace(/\/$/, 'x')
}

type Entry = { readonly path: string; readonly kind: 'file' | 'run' | 'link' | 'gone'; readonly content: Uint8Array }

const PATHS = [
  'a',
  'a/b',
  'a/b/c',
  '-n',
  '.hidden',
  'ü \u{1f600}',
  'e\u0301',
  '"q"\t\n',
  '*',
  ':(top)x',
  '\\',
  'LONG',
] as const

const entries: Arbitrary<readonly Entry[]> = array(
  record({
    path: constantFrom(...PATHS),
    kind: constantFrom('file', 'run', 'link', 'gone'),
    content: uint8Array({ maxLength: 20 }),
  }),
  { maxLength: 8 },
)

const lookAt = (path: string) => {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined // below a file
  }
}

const put = (root: string, { path, kind, content }: Entry): void => {
  const whole = join(root, path === 'LONG' ? longPath(root) : path)
  // A file or a link above gives way to a folder.
  for (let above = dirname(whole); above !== root; above = dirname(above))
    if (lookAt(above)?.isDirectory() === false) rmSync(above)
  rmSync(whole, { recursive: true, force: true })
  if (kind === 'gone') return
  mkdirSync(dirname(whole), { recursive: true })
  if (kind === 'link') symlinkSync(Buffer.from(content).toString('hex') || 'nowhere', whole)
  else writeFileSync(whole, content)
  if (kind === 'run') chmodSync(whole, 0o755)
}

/** Each file with its bytes and whether it may be run, each link with its target. */
const snapshot = (root: string, folder = ''): Readonly<Record<string, string>> =>
  Object.assign(
    {},
    ...readdirSync(join(root, folder)).map((name) => {
      const path = folder === '' ? name : `${folder}/${name}`
      const whole = join(root, path)
      const found = lstatSync(whole)
      if (path === '.git') return {}
      if (found.isDirectory()) return snapshot(root, path)
      if (found.isSymbolicLink()) return { [path]: `-> ${readlinkSync(whole)}` }
      return { [path]: `${(found.mode & 0o100) !== 0} ${readFileSync(whole).toString('hex')}` }
    }),
  )

const holds = () =>
  assert(
    asyncProperty(entries, entries, async (first, second) => {
      using fixture = await createOpenedFixture()
      const states = [snapshot(fixture.worktree)]
      for (const turn of [first, second]) {
        for (const entry of turn) put(fixture.worktree, entry)
        await fixture.turn(`t${states.length}`)
        expect(fixture.ownerGit('status', '--porcelain')).toBe('')
        const state = snapshot(fixture.worktree)
        if (JSON.stringify(state) !== JSON.stringify(states.at(-1))) states.push(state)
      }
      for (const state of states.slice(0, -1).toReversed()) {
        await fixture.repo.undo(null)
        expect(snapshot(fixture.worktree)).toEqual(state)
      }
      await expect(fixture.repo.undo(null)).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' })
      for (const state of states.slice(1)) {
        await fixture.repo.redo()
        expect(snapshot(fixture.worktree)).toEqual(state)
      }
      expect(fixture.faults()).toBe('')
    }),
    { numRuns: RUNS },
  )

test('any two turns: what they left is committed, undone and done again byte for byte', holds, TIMEOUT_MS)
