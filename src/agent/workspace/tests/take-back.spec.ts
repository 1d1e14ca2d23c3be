import { describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createOpenedFixture as opened } from './workspace-fixture.ts'

/** Three turns, each with a file of its own. */
const withThreeTurns = async () => {
  const fixture = await opened()
  for (const turn of ['t1', 't2', 't3']) {
    await fixture.write(`${turn}.txt`, `${turn}\n`)
    await fixture.turn(turn)
  }
  const files = () =>
    readdirSync(fixture.worktree)
      .filter((name) => name !== '.git')
      .toSorted()
  return { ...fixture, files }
}

describe('undo of a turn by its name', () => {
  test('takes that turn back and leaves what came after it', async () => {
    using fixture = await withThreeTurns()
    expect(await fixture.repo.undo('t1')).toMatchObject({
      undone: { turn: 't1' },
      commit: { kind: 'undo', turn: 't1' },
    })
    expect(fixture.files()).toEqual(['t2.txt', 't3.txt'])
    expect((await fixture.repo.undo(null)).undone.turn).toBe('t3')
    expect(fixture.faults()).toBe('')
  })

  test('is refused with the paths when later changes overlap, and nothing is touched', async () => {
    using fixture = await withThreeTurns()
    await fixture.write('t1.txt', 'later\n')
    await fixture.turn('t4')
    const before = fixture.ownerGit('rev-parse', 'HEAD')
    await expect(fixture.repo.undo('t1')).rejects.toMatchObject({
      code: 'WORKSPACE_CONFLICT',
      hint: expect.stringContaining('t1.txt'),
    })
    expect(fixture.ownerGit('rev-parse', 'HEAD')).toBe(before)
    expect(await fixture.read('t1.txt')).toBe('later\n')
    expect(fixture.faults()).toBe('')
  })

  test('is refused for a turn that is undone, or that changed nothing', async () => {
    using fixture = await withThreeTurns()
    await fixture.repo.undo('t2')
    await expect(fixture.repo.undo('t2')).rejects.toMatchObject({
      code: 'NOTHING_TO_UNDO',
      message: 'the turn t2 is undone already',
    })
    await expect(fixture.repo.undo('t9')).rejects.toMatchObject({ code: 'TURN_UNKNOWN' })
  })
})

describe('redo', () => {
  test('takes back the newest undo, and then the one before', async () => {
    using fixture = await withThreeTurns()
    await fixture.repo.undo(null)
    await fixture.repo.undo(null)
    expect(fixture.files()).toEqual(['t1.txt'])
    expect(await fixture.repo.redo()).toMatchObject({
      undone: { kind: 'undo', turn: 't2' },
      commit: { kind: 'redo', turn: 't2', subject: 'redo: chore: add t2.txt' },
      diffStat: expect.stringContaining('1 file changed'),
    })
    expect(fixture.files()).toEqual(['t1.txt', 't2.txt'])
    await fixture.repo.redo()
    expect(fixture.files()).toEqual(['t1.txt', 't2.txt', 't3.txt'])
    await expect(fixture.repo.redo()).rejects.toMatchObject({ code: 'NOTHING_TO_REDO' })
    expect(fixture.faults()).toBe('')
  })

  test('can be undone again, by itself and by the name of its turn', async () => {
    using fixture = await withThreeTurns()
    await fixture.repo.undo('t1')
    await fixture.repo.redo()
    expect((await fixture.repo.undo(null)).undone).toMatchObject({ kind: 'redo', turn: 't1' })
    await fixture.repo.redo()
    expect((await fixture.repo.undo('t1')).undone).toMatchObject({ kind: 'redo', turn: 't1' })
    expect(fixture.files()).toEqual(['t2.txt', 't3.txt'])
    const undoneBy = new Map(fixture.repo.log(20).map((commit) => [commit.sha, commit.undoneBy]))
    const chain: string[] = []
    for (let sha = fixture.repo.log(20).at(-1)?.sha; sha; sha = undoneBy.get(sha) ?? undefined) chain.push(sha)
    expect(chain).toHaveLength(6)
  })

  test('that later changes overlap is refused, and nothing is touched', async () => {
    using fixture = await withThreeTurns()
    await fixture.repo.undo(null)
    await fixture.write('t3.txt', 'mine\n')
    await expect(fixture.repo.redo()).rejects.toMatchObject({
      code: 'WORKSPACE_CONFLICT',
      message: expect.stringMatching(/^the turn t3 .* cannot be redone: later changes overlap in t3\.txt$/),
    })
    expect(await fixture.read('t3.txt')).toBe('mine\n')
  })
})

describe('restore', () => {
  test('brings one file back to what it was after a turn, and undo takes that back', async () => {
    using fixture = await withThreeTurns()
    await fixture.write('deep/my @ file.md', '4\n')
    await fixture.turn('t4')
    await fixture.write('deep/my @ file.md', '5\n')
    await fixture.write('t1.txt', '5\n')
    await fixture.turn('t5')
    expect(await fixture.repo.restore('deep/my @ file.md', 't4')).toMatchObject({
      commit: { kind: 'restore', turn: null, files: [{ path: 'deep/my @ file.md', change: 'modified' }] },
      diffStat: expect.stringContaining('1 file changed'),
    })
    expect([await fixture.read('deep/my @ file.md'), await fixture.read('t1.txt')]).toEqual(['4\n', '5\n'])
    expect(await fixture.repo.undo(null)).toMatchObject({ undone: { kind: 'restore' }, commit: { turn: null } })
    expect(await fixture.read('deep/my @ file.md')).toBe('5\n')
    await fixture.repo.redo()
    expect(await fixture.read('deep/my @ file.md')).toBe('4\n')
    expect(fixture.faults()).toBe('')
  })

  test('brings a deleted file back, and keeps edits that are not committed as a commit of their own', async () => {
    using fixture = await withThreeTurns()
    rmSync(join(fixture.worktree, 't1.txt'))
    await fixture.turn('t4')
    await fixture.write('mine.txt', 'mine\n')
    await fixture.repo.restore('t1.txt', 't3')
    expect(fixture.files()).toEqual(['mine.txt', 't1.txt', 't2.txt', 't3.txt'])
    expect(fixture.record.rows.slice(-2).map(({ kind }) => kind)).toEqual(['owner', 'restore'])
  })

  test.each([
    ['a turn that nobody knows', 't1.txt', 't9', 'TURN_UNKNOWN'],
    ['a file that was not there', 't3.txt', 't1', 'FILE_UNKNOWN'],
    ['a folder', 'folder', 't4', 'FILE_UNKNOWN'],
    ['a pattern', '*.txt', 't3', 'FILE_UNKNOWN'],
    ['a file that is as it was', 't1.txt', 't1', 'NOTHING_TO_RESTORE'],
    ['a path out of the workspace', '../secret', 't3', 'FILE_UNKNOWN'],
    ['a file where a folder is now', 'now-a-folder', 't4', 'WORKSPACE_CONFLICT'],
  ])('of %s is refused', async (_, path, turn, code) => {
    using fixture = await withThreeTurns()
    await fixture.write('folder/a', '')
    await fixture.write('now-a-folder', '')
    await fixture.turn('t4')
    rmSync(join(fixture.worktree, 'now-a-folder'))
    mkdirSync(join(fixture.worktree, 'now-a-folder'))
    await fixture.write('now-a-folder/a', 'a')
    await fixture.turn('t5')
    const before = fixture.ownerGit('rev-parse', 'HEAD')
    await expect(fixture.repo.restore(path, turn)).rejects.toMatchObject({ code })
    expect(fixture.ownerGit('rev-parse', 'HEAD')).toBe(before)
    expect(fixture.faults()).toBe('')
  })
})

test('a record that was lost learns of undo, redo and restore from the commits', async () => {
  using fixture = await withThreeTurns()
  await fixture.repo.undo('t1')
  await fixture.repo.redo()
  await fixture.write('t2.txt', 'changed\n')
  await fixture.turn('t4')
  await fixture.repo.restore('t2.txt', 't2')
  const known = fixture.record.rows.splice(0)
  await fixture.reopen().open()
  expect(fixture.record.rows).toEqual(known)
})
