import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createOpenedFixture as opened } from './workspace-fixture.ts'

describe('undo', () => {
  test('twice undoes two turns, newest first, and then there is nothing left', async () => {
    using fixture = await opened()
    await fixture.write('a.txt', '1\n')
    await fixture.turn('t1')
    await fixture.write('a.txt', '2\n')
    await fixture.write('deep/er/b.txt', 'b\n')
    await fixture.turn('t2')

    const first = await fixture.repo.undo(null)
    expect(first).toMatchObject({ undone: { turn: 't2' }, commit: { kind: 'undo', turn: 't2' } })
    expect(first.commit.subject).toBe('revert: chore: change 2 files')
    expect(first.commit.files).toEqual([
      { path: 'a.txt', change: 'modified' },
      { path: 'deep/er/b.txt', change: 'deleted' },
    ])
    expect(first.diffStat).toContain('2 files changed')
    expect(await fixture.read('a.txt')).toBe('1\n')
    expect(readdirSync(fixture.worktree).toSorted()).toEqual(['.git', 'a.txt'])

    expect((await fixture.repo.undo(null)).undone.turn).toBe('t1')
    expect(readdirSync(fixture.worktree)).toEqual(['.git'])
    await expect(fixture.repo.undo(null)).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' })
    expect(fixture.repo.log(10).map(({ kind, turn, undoneBy }) => [kind, turn, undoneBy === null])).toEqual([
      ['undo', 't1', true],
      ['undo', 't2', true],
      ['turn', 't2', false],
      ['turn', 't1', false],
    ])
    expect(fixture.faults()).toBe('')
  })

  test('keeps what the owner changed in between, committed or not', async () => {
    using fixture = await opened()
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`)
    await fixture.write('a.txt', lines.join('\n'))
    await fixture.turn('t1')
    await fixture.write('a.txt', lines.with(2, 'of the turn').join('\n'))
    await fixture.turn('t2')
    await fixture.write('a.txt', lines.with(2, 'of the turn').with(17, 'of the owner').join('\n'))
    await fixture.write('new.txt', 'of the owner')
    await fixture.repo.undo(null)
    expect(await fixture.read('a.txt')).toBe(lines.with(17, 'of the owner').join('\n'))
    expect(await fixture.read('new.txt')).toBe('of the owner')
    expect(fixture.record.rows.map(({ kind }) => kind)).toEqual(['turn', 'turn', 'owner', 'undo'])
    expect(fixture.faults()).toBe('')
  })

  test('names the files of a conflict and touches nothing', async () => {
    using fixture = await opened()
    await fixture.write('a.txt', 'turn\n')
    await fixture.write('b.txt', 'turn\n')
    await fixture.turn('t1')
    await fixture.write('a.txt', 'later\n')
    await fixture.repo.commitOwnerEdits()
    const before = fixture.ownerGit('rev-parse', 'HEAD')
    await expect(fixture.repo.undo(null)).rejects.toMatchObject({
      code: 'WORKSPACE_CONFLICT',
      message: expect.stringContaining('a.txt'),
      hint: expect.stringMatching(/nothing was touched.*a\.txt$/),
    })
    await fixture.repo.commitOwnerEdits()
    expect(fixture.ownerGit('rev-parse', 'HEAD')).toBe(before)
    expect(await fixture.read('a.txt')).toBe('later\n')
    expect(await fixture.read('b.txt')).toBe('turn\n')
    expect(fixture.faults()).toBe('')
  })

  test('that a conflict stops names the next turn that it could take back', async () => {
    using fixture = await opened()
    for (const turn of ['t1', 't2', 't3']) {
      await fixture.write(turn, 'turn\n')
      await fixture.turn(turn)
    }
    await fixture.repo.undo('t2')
    await fixture.write('t3', 'later\n')
    const stuck = { code: 'WORKSPACE_CONFLICT', hint: expect.stringMatching(/: undo t1 \(chore: add t1\)$/) }
    await expect(fixture.repo.undo(null)).rejects.toMatchObject(stuck)
    expect((await fixture.repo.undo('t1')).undone.turn).toBe('t1')
  })

  test('never overwrites a file that git does not know', async () => {
    using fixture = await opened()
    await fixture.write('keep.log', 'stored\n')
    await fixture.turn('t1')
    rmSync(join(fixture.worktree, 'keep.log'))
    await fixture.turn('t2')
    await fixture.write('.gitignore', '*.log\n')
    await fixture.write('keep.log', 'precious\n')
    await expect(fixture.repo.undo(null)).rejects.toMatchObject({ code: 'WORKSPACE_CONFLICT' })
    await fixture.repo.commitOwnerEdits()
    expect(await fixture.read('keep.log')).toBe('precious\n')
  })

  test('of a turn whose change the owner has taken back by hand is recorded and goes on to the one before', async () => {
    using fixture = await opened()
    await fixture.write('a.txt', '1\n')
    await fixture.turn('t1')
    await fixture.write('a.txt', '2\n')
    await fixture.turn('t2')
    await fixture.write('a.txt', '1\n')
    expect(await fixture.repo.undo(null)).toMatchObject({ undone: { turn: 't2' }, commit: { files: [] }, diffStat: '' })
    expect((await fixture.repo.undo(null)).undone.turn).toBe('t1')
  })

  test('brings back links, modes and bytes as they were, whatever attributes say', async () => {
    using fixture = await opened()
    const before = '\r\n$Id$\r\n\u0000binary\r\n'
    await fixture.write('.gitattributes', '* text=auto eol=lf ident working-tree-encoding=UTF-16\n')
    await fixture.write('bytes', before)
    Bun.spawnSync(['sh', '-c', 'ln -s /etc/passwd link; echo true >run; chmod 755 run'], { cwd: fixture.worktree })
    await fixture.turn('t1')
    rmSync(join(fixture.worktree, 'link'))
    rmSync(join(fixture.worktree, 'run'))
    await fixture.write('bytes', 'other')
    await fixture.turn('t2')
    await fixture.repo.undo(null)
    expect(await fixture.read('bytes')).toBe(before)
    expect(fixture.ownerGit('ls-files', '--stage', 'link', 'run')).toMatch(/^120000 .*\n100755 /)
    expect(statSync(join(fixture.worktree, 'run')).mode & 0o111).toBe(0o111)
    expect(fixture.faults()).toBe('')
  })

  test('passes over turns that the owner removed from the history, names them, and goes on with older ones', async () => {
    using fixture = await opened()
    for (const turn of ['t1', 't2', 't3']) {
      await fixture.write(turn, '1\n')
      await fixture.turn(turn)
    }
    fixture.ownerGit('commit', '--amend', '--quiet', '--message', 'in my words')
    expect(await fixture.repo.undo(null)).toMatchObject({ undone: { turn: 't2' }, lost: [{ turn: 't3' }] })
    expect(readdirSync(fixture.worktree).toSorted()).toEqual(['.git', 't1', 't3'])
    await fixture.write('t4', '1\n')
    await fixture.turn('t4')
    expect(await fixture.repo.undo(null)).toMatchObject({ undone: { turn: 't4' }, lost: [] })
    fixture.ownerGit('reset', '--hard', '--quiet', fixture.ownerGit('rev-list', '--max-parents=0', 'main'))
    await expect(fixture.repo.undo(null)).rejects.toMatchObject({
      code: 'NOTHING_TO_UNDO',
      hint: expect.stringContaining('the newest was'),
    })
    expect(fixture.faults()).toBe('')
  })
})

test('an undo that fails while it writes puts everything back', async () => {
  using fixture = await opened()
  await fixture.write('a.txt', '1\n')
  await fixture.write('gone.txt', '1\n')
  await fixture.turn('t1')
  await fixture.write('a.txt', '2\n')
  await fixture.write('new.txt', '2\n')
  rmSync(join(fixture.worktree, 'gone.txt'))
  await fixture.turn('t2')
  const before = fixture.ownerGit('rev-parse', 'HEAD')

  // The fast-forward does its work, and then a file that it deleted is there again, as if it could not be deleted.
  const folder = join(fixture.root, 'failing')
  mkdirSync(folder)
  const script = '/usr/bin/git "$@" || exit $?\ncase "$1" in merge) echo 2 >"$GIT_WORK_TREE/new.txt";; esac\n'
  writeFileSync(join(folder, 'git'), `#!/bin/sh\n${script}`, { mode: 0o755 })
  const run: typeof fixture.run = (request) => {
    const PATH = `${folder}:${request.environment['PATH']}`
    return fixture.run({ ...request, environment: { ...request.environment, PATH } })
  }
  await expect(fixture.reopen({ run }).undo(null)).rejects.toMatchObject({
    code: 'GIT_FAILED',
    message: expect.stringContaining('put back'),
  })
  expect(fixture.ownerGit('rev-parse', 'HEAD')).toBe(before)
  expect([await fixture.read('a.txt'), await fixture.read('new.txt')]).toEqual(['2\n', '2\n'])
  expect(existsSync(join(fixture.worktree, 'gone.txt'))).toBe(false)
  expect(fixture.faults()).toBe('')
  await fixture.repo.undo(null)
  expect(await fixture.read('a.txt')).toBe('1\n')
})
