import { describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createFixture, createOpenedFixture as opened } from './workspace-fixture.ts'

describe('a new workspace', () => {
  test('holds one empty commit and reads as an ordinary repository from outside', async () => {
    using fixture = await opened()
    expect(fixture.ownerGit('log', '--format=%s')).toBe('chore: workspace created')
    expect(fixture.ownerGit('ls-tree', '-r', 'HEAD')).toBe('')
    expect(await fixture.read('.git')).toBe(`gitdir: ${fixture.gitDir}\n`)
    expect(statSync(fixture.gitDir).mode & 0o777).toBe(0o700)
    expect(fixture.faults()).toBe('')
  })

  test('opening again changes nothing', async () => {
    using fixture = await opened()
    const before = fixture.ownerGit('rev-parse', 'HEAD')
    await fixture.reopen().open()
    expect(fixture.ownerGit('rev-parse', 'HEAD')).toBe(before)
    expect(fixture.record.rows).toEqual([])
  })

  test('of an earlier version learns what is never committed, beside what the owner added', async () => {
    using fixture = await opened()
    const path = join(fixture.gitDir, 'info/exclude')
    writeFileSync(path, 'mine')
    await fixture.reopen().open()
    await fixture.reopen().open()
    expect(readFileSync(path, 'utf8')).toBe('mine\n/.plaited/out/\n/.plaited/aside/\n')
  })

  test('keeps the files of a folder that was there before, as edits of the owner', async () => {
    using fixture = createFixture()
    await fixture.write('mine/a.md', 'mine\n')
    await fixture.repo.open()
    expect(await fixture.read('mine/a.md')).toBe('mine\n')
    expect(fixture.record.rows).toMatchObject([{ kind: 'owner', turn: null, subject: 'docs: add mine/a.md' }])
    expect(fixture.ownerGit('log', '-1', '--format=%an, %cn')).toBe('owner, plaited agent')
    expect(fixture.faults()).toBe('')
  })
})

describe('a turn', () => {
  test('makes one commit of all that it changed, and none when it changed nothing', async () => {
    using fixture = await opened()
    await fixture.write('a.txt', 'one\n')
    await fixture.write('b/c.txt', 'two\n')
    const { commit, leftOut } = await fixture.turn('t1', 'write two files')
    expect(commit).toMatchObject({ kind: 'turn', turn: 't1', subject: 'chore: add 2 files' })
    expect(leftOut).toEqual([])
    expect(commit?.files).toEqual([
      { path: 'a.txt', change: 'added' },
      { path: 'b/c.txt', change: 'added' },
    ])
    expect(await fixture.turn('t2')).toMatchObject({ commit: null, leftOut: [] })
    rmSync(join(fixture.worktree, 'a.txt'))
    await fixture.write('b/c.txt', 'three\n')
    expect((await fixture.turn('t3')).commit?.files).toEqual([
      { path: 'a.txt', change: 'deleted' },
      { path: 'b/c.txt', change: 'modified' },
    ])
    expect(fixture.ownerGit('rev-list', '--count', 'HEAD')).toBe('3')
    expect(fixture.ownerGit('log', '-1', '--format=%an|%(trailers:key=Plaited-Turn,valueonly)')).toBe(
      'plaited agent|t3',
    )
    expect(fixture.faults()).toBe('')
  })

  test('does not swallow what the owner changed before it', async () => {
    using fixture = await opened()
    await fixture.write('mine.txt', 'mine\n')
    expect(await fixture.repo.commitOwnerEdits()).toMatchObject({ kind: 'owner', subject: 'chore: add mine.txt' })
    expect(await fixture.repo.commitOwnerEdits()).toBeNull()
    await fixture.write('turn.txt', 'turn\n')
    expect((await fixture.turn('t1')).commit?.files).toEqual([{ path: 'turn.txt', change: 'added' }])
  })

  test('says which files no commit holds', async () => {
    using fixture = await opened()
    await fixture.write('.gitignore', '*.log\ncache/\n')
    await fixture.write('cache/a', 'a')
    await fixture.write('x.log', 'x')
    const { commit, leftOut } = await fixture.turn('t1')
    expect(leftOut.toSorted()).toEqual(['cache/', 'x.log'])
    expect(commit?.files).toEqual([{ path: '.gitignore', change: 'added' }])
  })

  test('that wrote nothing but ignored files says so without a commit', async () => {
    using fixture = await opened()
    await fixture.write('.gitignore', '*.log\n')
    await fixture.turn('t1')
    await fixture.write('x.log', 'x')
    expect(await fixture.turn('t2')).toMatchObject({ commit: null, leftOut: ['x.log'] })
  })

  test('that was interrupted has what is found after it set apart, where no undo takes it back', async () => {
    using fixture = await opened()
    await fixture.write('a.txt', 'agent\n')
    await fixture.write('mine.txt', 'mine\n')
    expect(await fixture.repo.commitFound('t1', () => {})).toMatchObject({
      kind: 'owner',
      turn: 't1',
      files: { length: 2 },
    })
    expect(fixture.ownerGit('log', '-1', '--format=%an%n%B')).toMatch(
      /^owner\n.*added +mine\.txt\n.*found uncommitted after a restart during turn t1\./s,
    )
    expect(await fixture.repo.commitFound('t1', () => {})).toBeNull()
    expect((await fixture.turn('t1')).commit).toBeNull()
    await expect(fixture.repo.undo(null)).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' })
    expect(await fixture.read('mine.txt')).toBe('mine\n')
  })

  test('a folder that becomes a file and back is stored either way', async () => {
    using fixture = await opened()
    await fixture.write('x/deep/file', '1')
    await fixture.turn('t1')
    rmSync(join(fixture.worktree, 'x'), { recursive: true })
    await fixture.write('x', '2')
    await fixture.turn('t2')
    expect(fixture.ownerGit('ls-files')).toBe('x')
    rmSync(join(fixture.worktree, 'x'))
    await fixture.write('x/y', '3')
    await fixture.turn('t3')
    expect(fixture.ownerGit('ls-files')).toBe('x/y')
    expect(fixture.faults()).toBe('')
  })
})

describe("the owner's own git", () => {
  test('is refused company while it is away from main or in the middle of something', async () => {
    using fixture = await opened()
    await fixture.write('a.txt', '1\n')
    await fixture.turn('t1')
    fixture.ownerGit('switch', '--quiet', '--create', 'side')
    await fixture.write('a.txt', '2\n')
    const refused = { code: 'WORKSPACE_UNUSABLE', message: expect.stringContaining('side') }
    await expect(fixture.turn('t2')).rejects.toMatchObject(refused)
    await expect(fixture.repo.undo(null)).rejects.toMatchObject(refused)
    await expect(fixture.repo.commitOwnerEdits()).rejects.toMatchObject(refused)
    fixture.ownerGit('checkout', '--quiet', '--detach')
    await expect(fixture.turn('t2')).rejects.toMatchObject({ code: 'WORKSPACE_UNUSABLE' })
    fixture.ownerGit('checkout', '--quiet', 'main')
    expect(await fixture.turn('t2')).toMatchObject({ commit: { turn: 't2' } })
  })

  test('may commit and stage between turns; undo still takes back the turn only', async () => {
    using fixture = await opened()
    await fixture.write('a.txt', '1\n')
    await fixture.turn('t1')
    await fixture.write('b.txt', 'owner\n')
    fixture.ownerGit('add', 'b.txt')
    fixture.ownerGit('commit', '--quiet', '--message', 'by hand\n\nPlaited-Turn: t1')
    await fixture.write('c.txt', 'staged\n')
    fixture.ownerGit('add', 'c.txt')
    fixture.ownerGit('pack-refs', '--all')
    expect((await fixture.repo.undo(null)).undone.turn).toBe('t1')
    expect(fixture.record.rows.map(({ kind }) => kind)).toEqual(['turn', 'owner', 'undo'])
    expect(readdirSync(fixture.worktree).toSorted()).toEqual(['.git', 'b.txt', 'c.txt'])
    expect(fixture.faults()).toBe('')
  })

  test('that left an unresolved merge is not committed over', async () => {
    using fixture = await opened()
    await fixture.write('a.txt', '1\n')
    await fixture.turn('t1')
    await fixture.write('a.txt', '2\n')
    fixture.ownerGit('stash')
    await fixture.write('a.txt', '3\n')
    await fixture.turn('t2')
    expect(() => fixture.ownerGit('stash', 'pop')).toThrow()
    await expect(fixture.turn('t3')).rejects.toMatchObject({ code: 'WORKSPACE_UNUSABLE' })
  })
})

describe('diff', () => {
  test('shows one turn, or the newest commit', async () => {
    using fixture = await opened()
    expect(await fixture.repo.diff(null)).toBe('')
    await fixture.write('a.txt', 'one\n')
    await fixture.turn('t1')
    await fixture.write('a.txt', 'two\n')
    await fixture.turn('t2')
    expect(await fixture.repo.diff('t1')).toContain('+one')
    expect(await fixture.repo.diff(null)).toContain('-one\n+two')
    expect(await fixture.repo.diff('unknown')).toBe('')
  })

  test('of a large change is cut with a note', async () => {
    using fixture = await opened()
    await fixture.write('a.txt', 'one line\n'.repeat(50_000))
    await fixture.turn('t1')
    const diff = await fixture.repo.diff('t1')
    expect(diff.length).toBeLessThan(300_000)
    expect(diff).toEndWith('gives the rest]\n')
  })
})

test('operations that are started together run one after another', async () => {
  using fixture = await opened()
  mkdirSync(join(fixture.worktree, 'd'))
  const turns = Array.from({ length: 4 }, async (_, index) => {
    await fixture.write(`d/${index}`, `${index}`)
    return fixture.turn(`t${index}`)
  })
  const made = await Promise.all(turns)
  expect(made.flatMap(({ commit }) => commit?.files ?? []).length).toBe(4)
  expect(fixture.faults()).toBe('')
})
