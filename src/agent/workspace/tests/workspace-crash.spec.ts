import { describe, expect, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { NodeError } from '../../../utils/node-error.ts'
import type { RunConfined } from '../../sandbox/sandbox.types.ts'
import { createDyingRun, createFixture, createOpenedFixture, permitAll } from './workspace-fixture.ts'

const REASON = { intent: 'do it', reason: 'asked', review: permitAll }

describe('a node that dies', () => {
  test.each([
    ['after', '^update-index'],
    ['before', '^commit-tree'],
    ['before', '^update-ref'],
    ['after', '^update-ref'],
  ] as const)('%s %s of a commit loses no file, and the turn is recorded once', async (when, at) => {
    using fixture = await createOpenedFixture()
    await fixture.write('a.txt', '1\n')
    await fixture.turn('t1')
    await fixture.write('a.txt', '2\n')
    await fixture.write('b.txt', '2\n')
    const dying = fixture.reopen({ run: createDyingRun(fixture, new RegExp(at), when) })
    await expect(dying.commitTurn({ id: 't2', ...REASON })).rejects.toMatchObject({ code: 'SANDBOX_FAILED' })
    writeFileSync(`${fixture.gitDir}.busy`, '')
    writeFileSync(join(fixture.gitDir, 'index.lock'), '') // the node died too and cleaned up nothing

    const repo = fixture.reopen()
    await repo.open()
    await repo.commitTurn({ id: 't2', ...REASON })
    expect(fixture.record.rows.map(({ turn, files }) => [turn, files.length])).toEqual([
      ['t1', 1],
      ['t2', 2],
    ])
    expect(await fixture.read('a.txt')).toBe('2\n')
    expect(fixture.faults()).toBe('')
    await repo.undo(null)
    expect(await fixture.read('a.txt')).toBe('1\n')
  })

  test.each([
    ['before', '^merge-tree'],
    ['after', '^read-tree'],
    ['after', '^merge '],
    ['after', '^diff-tree .*--raw'],
  ] as const)('%s %s of an undo can undo the turn all the same', async (when, at) => {
    using fixture = await createOpenedFixture()
    await fixture.write('a.txt', '1\n')
    await fixture.turn('t1')
    await fixture.write('a.txt', '2\n')
    await fixture.write('b.txt', '2\n')
    await fixture.turn('t2')
    const dying = fixture.reopen({ run: createDyingRun(fixture, new RegExp(at), when) })
    await expect(dying.undo(null)).rejects.toMatchObject({ code: 'SANDBOX_FAILED' })

    const repo = fixture.reopen()
    await repo.open()
    if (fixture.record.undoable(1)[0]?.turn === 't2') await repo.undo(null)
    expect(fixture.record.rows.filter(({ kind }) => kind === 'undo')).toMatchObject([{ turn: 't2' }])
    expect(await fixture.read('a.txt')).toBe('1\n')
    expect(existsSync(join(fixture.worktree, 'b.txt'))).toBe(false)
    expect(fixture.faults()).toBe('')
  })

  test('before the commit is recorded learns of it from the trailers', async () => {
    using fixture = await createOpenedFixture()
    await fixture.write('a.txt', '1\n')
    const record = {
      ...fixture.record,
      add: () => {
        throw new Error('the database is gone')
      },
    }
    await expect(fixture.reopen({ record }).commitTurn({ id: 't1', ...REASON })).rejects.toThrow('gone')
    await fixture.write('b.txt', 'of the owner\n')
    fixture.ownerGit('add', 'b.txt')
    fixture.ownerGit('commit', '--quiet', '--message', 'by hand\n\nPlaited-Turn: forged')

    await fixture.reopen().open()
    expect(fixture.record.rows).toMatchObject([
      {
        kind: 'turn',
        turn: 't1',
        subject: 'chore: add a.txt',
        files: [{ path: 'a.txt', change: 'added' }],
        at: 1_800_000_000_000,
        undoes: null,
      },
    ])
  })

  test('with its database gets every turn and undo of the history back', async () => {
    using fixture = await createOpenedFixture()
    for (const turn of ['t1', 't2', 't3']) {
      await fixture.write('a.txt', turn)
      await fixture.turn(turn)
    }
    await fixture.repo.undo(null)
    await fixture.write('mine', 'mine')
    await fixture.repo.commitOwnerEdits()
    await fixture.write('found', 'found')
    await fixture.repo.commitFound('t4', () => {})
    const before = [...fixture.record.rows]
    fixture.record.rows.length = 0
    await fixture.reopen().open()
    expect(fixture.record.rows).toMatchObject(before)
    expect((await fixture.repo.undo(null)).undone.turn).toBe('t2')
  })

  test('while the git dir was made has it made whole', async () => {
    using fixture = createFixture()
    mkdirSync(join(fixture.gitDir, 'refs/heads'), { recursive: true })
    writeFileSync(join(fixture.gitDir, 'HEAD'), '')
    writeFileSync(join(fixture.gitDir, 'config'), '[co')
    writeFileSync(join(fixture.gitDir, 'refs/heads/main.new'), 'ab')
    await fixture.write('.git', '')
    await fixture.repo.open()
    await fixture.write('a.txt', '1\n')
    await fixture.turn('t1')
    expect(fixture.ownerGit('rev-list', '--count', 'HEAD')).toBe('2')
    expect(fixture.faults()).toBe('')
  })
})

describe('a lock', () => {
  test.each(['index.lock', 'HEAD.lock', 'refs/heads/main.lock'])('%s of the owner is left alone', async (name) => {
    using fixture = await createOpenedFixture()
    const lock = join(fixture.gitDir, name)
    writeFileSync(lock, '')
    await fixture.reopen().open()
    expect(existsSync(lock)).toBe(true)
    // Also when a git of ours was killed that found it there.
    utimesSync(lock, 0, 0)
    writeFileSync(`${fixture.gitDir}.busy`, '')
    await fixture.reopen().open()
    expect(existsSync(lock)).toBe(true)
    rmSync(lock)
  })
})

test('half-written objects of a git that was killed are removed at the next start, and no fresh ones', async () => {
  using fixture = await createOpenedFixture()
  await fixture.write('a', '1')
  await fixture.turn('t1')
  const folder = fixture.ownerGit('rev-parse', 'HEAD').slice(0, 2)
  const [old, pack, fresh] = [`${folder}/tmp_obj_a`, 'pack/tmp_pack_a', `${folder}/tmp_obj_b`].map((name) => {
    const path = join(fixture.gitDir, 'objects', name)
    writeFileSync(path, 'half')
    return path
  })
  utimesSync(`${fresh}`, 2_000_000_000, 2_000_000_000) // the fixture's clock is before
  await fixture.reopen().open()
  expect([old, pack, fresh].map((path) => existsSync(`${path}`))).toEqual([false, false, true])
  expect(fixture.ownerGit('show', 'HEAD:a')).toBe('1')
})

describe('without a sandbox', () => {
  const unavailable: RunConfined = () =>
    Promise.reject(new NodeError('SANDBOX_UNAVAILABLE', 'there is no sandbox', { hint: 'install bubblewrap' }))
  const refused = { code: 'SANDBOX_UNAVAILABLE' }

  test('a workspace that holds nothing yet is opened again and again, without git', async () => {
    using fixture = createFixture()
    const runs: unknown[] = []
    const run: RunConfined = (request) => {
      runs.push(request)
      return fixture.run(request)
    }
    for (let start = 0; start < 3; start++) await fixture.reopen({ run }).open()
    expect(runs).toEqual([])
  })

  test('a folder that was there before is opened, and its files are committed once there is one', async () => {
    using fixture = createFixture()
    await fixture.write('mine.txt', 'mine\n')
    const repo = fixture.reopen({ run: unavailable })
    await repo.open()
    await expect(repo.commitOwnerEdits()).rejects.toMatchObject(refused)
    await fixture.reopen().open()
    expect(await fixture.reopen().commitOwnerEdits()).toMatchObject({ kind: 'owner', subject: 'chore: add mine.txt' })
  })

  test('a workspace that is ahead of the record is opened; the next operation catches up or reports', async () => {
    using fixture = await createOpenedFixture()
    await fixture.write('a.txt', '1\n')
    await fixture.turn('t1')
    fixture.record.rows.length = 0
    const repo = fixture.reopen({ run: unavailable })
    await repo.open()
    await expect(repo.undo(null)).rejects.toMatchObject(refused)
    expect((await fixture.reopen().undo(null)).undone.turn).toBe('t1')
  })
})

describe('a damaged workspace', () => {
  test('whose first commit cannot be read is reported by git', async () => {
    using fixture = await createOpenedFixture()
    const sha = fixture.ownerGit('rev-parse', 'HEAD')
    const object = join(fixture.gitDir, 'objects', sha.slice(0, 2), sha.slice(2))
    rmSync(object)
    writeFileSync(object, 'garbage')
    await expect(fixture.reopen().open()).rejects.toMatchObject({ code: 'GIT_FAILED' })
  })

  test('has a lost link and lost guards restored', async () => {
    using fixture = await createOpenedFixture()
    rmSync(join(fixture.worktree, '.git'))
    for (const name of ['hooks', 'info']) rmSync(join(fixture.gitDir, name), { recursive: true })
    await fixture.reopen().open()
    expect(await fixture.read('.git')).toBe(`gitdir: ${fixture.gitDir}\n`)
    expect(readFileSync(join(fixture.gitDir, 'info/attributes'), 'utf8')).toContain('!filter')
    expect(readdirSync(join(fixture.gitDir, 'hooks'))).toEqual([])
  })

  test('whose home was moved works at its new place', async () => {
    using fixture = await createOpenedFixture()
    await fixture.write('a.txt', '1\n')
    await fixture.turn('t1')
    for (const text of ['gitdir: /old home/data/git/workspace.git\n', 'gitdir: /old/data/git/workspace.git']) {
      writeFileSync(join(fixture.worktree, '.git'), text)
      await fixture.reopen().open()
      expect(await fixture.read('.git')).toBe(`gitdir: ${fixture.gitDir}\n`)
    }
    expect(fixture.faults()).toBe('')
  })

  test('without its git dir, though turns are recorded, is not begun anew until the owner says so', async () => {
    using fixture = await createOpenedFixture()
    await fixture.write('a.txt', '1\n')
    await fixture.turn('t1')
    rmSync(fixture.gitDir, { recursive: true })
    const refused = { code: 'WORKSPACE_UNUSABLE', hint: expect.stringContaining(`mkdir -p -m 700 ${fixture.gitDir}`) }
    await expect(fixture.reopen().open()).rejects.toMatchObject(refused)
    expect(existsSync(fixture.gitDir)).toBe(false)
    mkdirSync(fixture.gitDir, { mode: 0o700 })
    await fixture.reopen().open()
    expect(fixture.record.rows).toMatchObject([{ turn: 't1' }, { kind: 'owner' }])
    await expect(fixture.repo.undo(null)).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' })
    expect(fixture.faults()).toBe('')
  })

  const relative = 'gitdir: data/git/workspace.git\n'
  const trailed = 'gitdir: /old/data/git/workspace.git\nmore\n'
  test.each(['folder', 'link', 'gitdir: /elsewhere\n', relative, trailed])(
    'is refused, untouched, when its .git is a %s',
    async (kind) => {
      using fixture = await createOpenedFixture()
      const path = join(fixture.worktree, '.git')
      rmSync(path)
      if (kind === 'folder') mkdirSync(path)
      if (kind === 'link') symlinkSync(fixture.gitDir, path)
      if (kind.startsWith('gitdir')) writeFileSync(path, kind)
      await expect(fixture.reopen().open()).rejects.toMatchObject({
        code: 'WORKSPACE_UNUSABLE',
        hint: expect.stringContaining(`mv ${path}`),
      })
      expect(existsSync(path)).toBe(true)
    },
  )

  test('whose branch cannot be read is refused, not made anew', async () => {
    using fixture = await createOpenedFixture()
    writeFileSync(join(fixture.gitDir, 'refs/heads/main'), '')
    await expect(fixture.reopen().open()).rejects.toMatchObject({ code: 'WORKSPACE_UNUSABLE' })
  })

  test('that is a file is refused', async () => {
    using fixture = createFixture()
    writeFileSync(fixture.worktree, '')
    await expect(fixture.repo.open()).rejects.toMatchObject({ code: 'WORKSPACE_UNUSABLE' })
  })

  test('without git says what to install', async () => {
    using fixture = await createOpenedFixture()
    const run: typeof fixture.run = (request) =>
      fixture.run({ ...request, environment: { ...request.environment, PATH: '/nonexistent' } })
    await expect(fixture.reopen({ run }).commitOwnerEdits()).rejects.toMatchObject({ code: 'GIT_MISSING' })
  })
})
