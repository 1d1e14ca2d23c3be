/** Both engines on one home: each reads, continues and takes back what the other made, byte for byte. */
import { expect, test } from 'bun:test'
import { chmodSync, lchownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import type { RunConfined } from '../src/agent/sandbox/sandbox.types.ts'
import { TEST_USER, whyNoSandbox } from '../src/agent/sandbox/tests/sandbox-fixture.ts'
import type { GitEngine } from '../src/agent/workspace/engine.types.ts'
import { createIsomorphicGit } from '../src/agent/workspace/isomorphic/isomorphic-git.ts'
import { withSpareEngine } from '../src/agent/workspace/spare-engine.ts'
import { createSystemGit } from '../src/agent/workspace/system-git.ts'
import { openWorkspaceHome, REASON, turnsOf, type WorkspaceHome } from './conformance/workspace-home.ts'
import { describeWhen } from './helpers.ts'

const reason = await whyNoSandbox()
/** Far more than git takes for these trees, and far less than the two minutes that the node gives it. */
const HURRY_MS = 1_500
/** On a busy machine. */
const TIMEOUT_MS = 30_000
const ENGINES = { git: createSystemGit, iso: createIsomorphicGit } as const
type Name = keyof typeof ENGINES

const over = (home: WorkspaceHome, name: Name) => home.reopen({ engine: ENGINES[name] })

describeWhen(reason === null, `${reason}`, 'the engines of the workspace', () => {
  const slow = (name: string, claim: () => Promise<void>) => test(name, claim, TIMEOUT_MS)

  slow('take turns in one home, and each sees nothing to commit after the other', async () => {
    await using home = await openWorkspaceHome(createSystemGit)
    const names: readonly Name[] = ['git', 'iso', 'git', 'iso']
    for (const [index, name] of names.entries()) {
      await home.bash(
        `mkdir -p d$RANDOM "nest/é ${index}"; echo ${index} >>a; echo ${index} >"nest/é ${index}/f"; ln -s x l${index}`,
      )
      await over(home, name).commitTurn({ id: `t${index}`, ...REASON })
      for (const other of ['git', 'iso'] as const) expect(await over(home, other).commitOwnerEdits()).toBeNull()
      expect(home.faults()).toBe('')
    }
    home.ownerGit('gc', '--quiet', '--prune=now')
    for (const name of ['iso', 'git', 'iso', 'git'] as const) await over(home, name).undo(null)
    expect(home.tree().size).toBe(0)
    for (const name of ['git', 'iso'] as const) await over(home, name).redo()
    expect([...home.tree().values()]).toContain('file 0\n1\n')
    expect(turnsOf(home).slice(0, 3)).toEqual(['redo t1', 'redo t0', 'undo t0'])
    expect(home.ownerGit('log', '--format=%s').split('\n')).toHaveLength(11)
    expect(home.faults()).toBe('')
  })

  test.each([
    ['a FIFO that git takes for its rules', 'mkfifo .gitignore'],
    ['a FIFO that git takes for its attributes', 'mkfifo dir/.gitattributes; touch dir/new'],
    ['a FIFO in a nested repository', 'mkdir -p n/.git/objects n/.git/refs; mkfifo n/.git/HEAD; echo 1 >n/f'],
    ['a pattern that explodes', `echo '${'*a'.repeat(40)}b' >.gitignore; touch ${'a'.repeat(200)}c`],
  ])(
    'stand in for each other: git is held up by %s, and nothing is lost',
    async (_, plant) => {
      const engines: GitEngine[] = []
      await using home = await openWorkspaceHome((place) => {
        const run: RunConfined = (request) => place.run({ ...request, timeoutMs: HURRY_MS })
        const engine = withSpareEngine(createSystemGit({ ...place, run }), createIsomorphicGit(place))
        engines.push(engine)
        return engine
      })
      await home.bash('mkdir dir; echo 1 >dir/a')
      await home.turn('t0')
      await home.bash(`echo 2 >dir/a; ${plant}`)
      const { commit } = await home.turn('t1')
      expect(commit?.files).toContainEqual({ path: 'dir/a', change: 'modified' })
      expect(await home.repo.diff('t1')).toContain('-1\n+2\n')
      await home.repo.undo(null)
      expect(home.tree().get('dir/a')).toBe('file 1\n')
      expect(engines[0]?.name).toBe('isomorphic-git')
      await home.bash('rm -rf .gitignore dir/.gitattributes n')
      expect(home.faults()).toBe('')
    },
    TIMEOUT_MS,
  )

  test('give the record back alike when the database is lost', async () => {
    await using home = await openWorkspaceHome(createIsomorphicGit)
    await home.bash('echo 1 >a')
    await home.turn('t1')
    await home.bash('echo 2 >a; echo mine >mine')
    await home.turn('t2')
    await home.repo.undo(null)
    const learned = (['git', 'iso'] as const).map(async (engine) => {
      const rows: unknown[] = []
      const record = { ...home.record, list: () => [], add: (row: unknown) => void rows.push(row) }
      await home.reopen({ engine: ENGINES[engine], record }).commitOwnerEdits()
      return rows
    })
    const [first, second] = await Promise.all(learned)
    expect(first).toHaveLength(3)
    expect(second).toEqual(first)
  })

  slow('give any tree back as it was, whichever commits and whichever takes back', async () => {
    const states = fc.array(fileTree, { minLength: 2, maxLength: 3 })
    const engines = fc.array(fc.constantFrom<Name>('git', 'iso'), { minLength: 8, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(states, engines, async (trees, names) => {
        await using home = await openWorkspaceHome(createSystemGit)
        const next = () => over(home, names.shift() ?? 'iso')
        const seen: ReturnType<WorkspaceHome['tree']>[] = [home.tree()]
        for (const [index, tree] of trees.entries()) {
          putTree(home, tree)
          seen.push(home.tree())
          await next().commitTurn({ id: `t${index}`, ...REASON })
        }
        const changed = seen.slice(1).filter((tree, index) => !Bun.deepEquals(tree, seen[index]))
        for (let left = changed.length; left > 0; left--) await next().undo(null)
        expect(home.tree()).toEqual(new Map())
        for (const tree of changed) {
          await next().redo()
          expect(home.tree()).toEqual(tree)
        }
        expect(home.faults()).toBe('')
      }),
      { numRuns: 4 },
    )
  })
})

type TestFile = { readonly kind: 'file' | 'program' | 'link'; readonly content: string }

const fileName = fc.oneof(
  fc.constantFrom('a', 'b', 'A', '.hidden', 'ünïcødé', '🦊 f', 'e\u0301', '-x', 'n\nl', 'tab\t', '*', 'd'.repeat(250)),
  fc.string({ unit: fc.constantFrom(...'ab\'"\\ é~!#\u202e'), minLength: 1, maxLength: 6 }),
)
const path = fc.oneof(
  { weight: 5, arbitrary: fc.array(fileName, { minLength: 1, maxLength: 3 }).map((names) => names.join('/')) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 5, max: 15 })
      .map((depth) => [...Array<string>(depth).fill('p'.repeat(240)), 'end'].join('/')),
  },
)
const file: fc.Arbitrary<TestFile> = fc.record({
  kind: fc.constantFrom('file', 'program', 'link'),
  content: fc.oneof(
    fc.constantFrom('same', '/etc/passwd', '../../out', 'a\r\nb', '\u0000\u0001binary'),
    fc.string({ minLength: 1 }),
  ),
})

/** Paths that can be together: none is a folder of another. */
const fileTree = fc
  .array(fc.tuple(path, file), { minLength: 1, maxLength: 7 })
  .map((files) => new Map(files))
  .map((files) => [...files].filter(([one]) => ![...files.keys()].some((other) => other.startsWith(`${one}/`))))

/** Makes the worktree this tree, as the agent would own it. */
const putTree = ({ worktree, tree }: WorkspaceHome, files: readonly (readonly [string, TestFile])[]): void => {
  for (const old of tree().keys())
    rmSync(join(worktree, Buffer.from(old, 'latin1').toString().split('/')[0] ?? ''), { recursive: true, force: true })
  const own = (place: string) => {
    if (TEST_USER !== null) lchownSync(place, TEST_USER.uid, TEST_USER.gid)
  }
  for (const [where, { kind, content }] of files) {
    const place = join(worktree, where)
    const above = dirname(where) === '.' ? [] : dirname(where).split('/')
    for (const depth of above.keys()) {
      const folder = join(worktree, ...above.slice(0, depth + 1))
      mkdirSync(folder, { recursive: true })
      own(folder)
    }
    if (kind === 'link') symlinkSync(content.replaceAll('\0', '?'), place)
    else {
      writeFileSync(place, content)
      chmodSync(place, kind === 'program' ? 0o755 : 0o644)
    }
    own(place)
  }
}
