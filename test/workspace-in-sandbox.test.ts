/** The workspace over the real sandbox: as root its git runs as another user, who shares the group of the files. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createSandboxLanes, type SandboxLanes } from '../src/agent/sandbox/sandbox.ts'
import { permit, TEST_USER, whyNoSandbox } from '../src/agent/sandbox/tests/sandbox-fixture.ts'
import { createFixture, type Fixture } from '../src/agent/workspace/tests/workspace-fixture.ts'
import { describeWhen } from './helpers.ts'

const reason = await whyNoSandbox()

describeWhen(reason === null, `${reason}`, 'the workspace in the sandbox', () => {
  let fixture: Fixture
  let lanes: SandboxLanes

  beforeAll(async () => {
    fixture = createFixture(({ worktree, gitDir }) => {
      const runtimeDir = join(dirname(worktree), 'runtime')
      lanes = createSandboxLanes({ workspace: worktree, gitDir, runtimeDir, dropTo: TEST_USER })
      return lanes.runConfined
    }, TEST_USER?.gid ?? null)
    chmodSync(fixture.root, 0o711)
    await fixture.repo.open()
  })

  afterAll(async () => {
    await lanes.close()
    fixture[Symbol.dispose]()
  })

  const bash = async (command: string): Promise<string> => {
    const signal = new AbortController().signal
    const outcome = await lanes.sandbox.run(permit({ kind: 'bash', command, timeoutMs: 20_000 }), { signal })
    if (outcome.kind !== 'process') throw new Error(JSON.stringify(outcome))
    return `${Buffer.from(outcome.stdout)}${Buffer.from(outcome.stderr)}`.trim()
  }

  test('commits what tools wrote, undoes it, and stays readable for the caller', async () => {
    await bash('mkdir -p notes; echo one >notes/a.txt; mkfifo pipe; git init -q nest; echo x >nest/file')
    const { commit, leftOut } = await fixture.turn('t1')
    expect(commit?.files.map(({ path }) => path)).toEqual(['nest/file', 'notes/a.txt'])
    expect(leftOut).toEqual(['pipe', 'nest/.git'])
    await bash('rm -r pipe nest/.git')
    await bash('echo two >notes/a.txt; rm nest/file')
    await fixture.turn('t2')
    // Edits of the owner, who may be another user.
    await mkdir(join(fixture.worktree, 'mine'))
    await fixture.write('mine/b.txt', 'mine\n')
    expect((await fixture.repo.undo(null)).undone.turn).toBe('t2')
    expect(await fixture.read('notes/a.txt')).toBe('one\n')
    expect(await fixture.read('mine/b.txt')).toBe('mine\n')
    expect(await bash('cat nest/file; git log -1 --format=%s; test -w notes/a.txt && echo writable')).toBe(
      'x\nrevert: chore: change 2 files\nwritable',
    )
    expect(fixture.faults()).toBe('')
    expect(await fixture.repo.diff('t1')).toContain('+one')
  })

  test('holds what a command renamed, deleted and made executable, and undo and redo follow', async () => {
    await bash('mkdir -p r; echo 1 >r/old; echo 1 >r/gone; echo 1 >r/run; ln -s old r/link')
    await fixture.turn('r1')
    await bash('cd r; mv old "new ü"; rm gone; chmod 755 run; ln -sfn "new ü" link')
    const { commit } = await fixture.turn('r2')
    expect(commit?.files.map(({ path, change }) => `${change} ${path}`)).toEqual([
      ...['deleted r/gone', 'modified r/link', 'deleted r/old', 'modified r/run', 'added r/new ü'],
    ])
    const look = 'cd r; echo *; readlink link; test -x run && echo runs'
    const after = await bash(look)
    await fixture.repo.undo('r2')
    expect(await bash(look)).toBe('gone link old run\nold')
    await fixture.repo.redo()
    expect(await bash(look)).toBe(after)
    expect(fixture.faults()).toBe('')
  })

  test('puts back what a command may not have changed, whoever it belongs to and however it was locked away', async () => {
    await fixture.write('p/mine.pem', 'mine\n')
    await bash('mkdir q; echo 1 >q/theirs.pem')
    await fixture.repo.commitOwnerEdits()
    await bash(
      `rm q/theirs.pem; mkdir -p q/theirs.pem/x; touch q/theirs.pem/x/y; chmod 555 q/theirs.pem/x q/theirs.pem
       mkdir -p new/deep; echo x >new/deep/a.pem; chmod 555 new/deep new; mkdir hidden; echo x >hidden/b; chmod 000 hidden
       rm -f p/mine.pem; echo fine >fine.txt; ls -d /workspace/p/mine.pem || true`,
    )
    const refused = ['q/theirs.pem', 'q/theirs.pem/x/y', 'new/deep/a.pem', 'hidden/b', 'p/mine.pem']
    const { commit, putBack } = await fixture.repo.commitTurn({
      ...{ id: 'p1', intent: '', reason: '' },
      review: async () => new Set(refused),
    })
    expect(commit?.files).toEqual([{ path: 'fine.txt', change: 'added' }])
    expect(putBack.kept).toEqual([])
    expect(await bash('cat q/theirs.pem p/mine.pem; ls -d new/deep/a.pem hidden')).toStartWith(
      '1\nmine\nls: cannot access',
    )
    expect(fixture.faults()).toBe('')
  })

  test('an undo that the sandbox may not write changes nothing', async () => {
    await fixture.write('locked/a.txt', '1\n')
    await fixture.write('free.txt', '1\n')
    await fixture.turn('t3')
    await fixture.write('locked/a.txt', '2\n')
    await fixture.write('free.txt', '2\n')
    await fixture.turn('t4')
    const before = fixture.ownerGit('rev-parse', 'HEAD')
    chmodSync(join(fixture.worktree, 'locked'), 0o555)
    await expect(fixture.repo.undo(null)).rejects.toMatchObject({ code: 'GIT_FAILED' })
    chmodSync(join(fixture.worktree, 'locked'), 0o755)
    expect(fixture.ownerGit('rev-parse', 'HEAD')).toBe(before)
    expect([await fixture.read('locked/a.txt'), await fixture.read('free.txt')]).toEqual(['2\n', '2\n'])
    expect(fixture.faults()).toBe('')
  })

  test('a file that the sandbox cannot read is left out, and everything else committed', async () => {
    await bash('echo 1 >secret; echo 1 >open; chmod 000 secret')
    expect(await fixture.turn('t5')).toMatchObject({
      commit: { files: [{ path: 'open', change: 'added' }] },
      leftOut: ['secret'],
    })
    await bash('chmod 600 secret')
    expect(await fixture.turn('t6')).toMatchObject({ commit: { files: [{ path: 'secret', change: 'added' }] } })
  })

  test('folders that cannot be looked into are named, not silently left out', async () => {
    const long = 'd'.repeat(250)
    await bash('mkdir hid; echo e >hid/f; chmod 000 hid')
    await fixture.repo.commitOwnerEdits() // it was closed before the turn
    await bash(`for i in $(seq 20); do mkdir ${long}; cd ${long}; done; echo x >f`)
    const mine = join(fixture.worktree, 'private')
    mkdirSync(mine, { mode: 0o700 })
    writeFileSync(join(mine, 'f'), 'mine')
    const { commit, leftOut } = await fixture.turn('t7')
    const isOpenToAll = TEST_USER === null
    expect(commit?.files.map(({ path }) => path) ?? []).toEqual(isOpenToAll ? ['private/f'] : [])
    const dug = leftOut.filter((path) => path.startsWith('ddd'))
    expect(leftOut.filter((path) => !dug.includes(path)).toSorted()).toEqual(
      isOpenToAll ? ['hid/'] : ['hid/', 'private/'],
    )
    expect(dug).toHaveLength(1)
    await bash(`chmod 700 hid; rm -rf hid ${long}`)
    rmSync(mine, { recursive: true })
    await fixture.turn('t8')
  })

  test('a folder that a command closes is opened for the look', async () => {
    await fixture.repo.commitOwnerEdits()
    await bash('mkdir -p hid/in; echo e >hid/in/f; chmod 000 hid/in hid')
    const { commit, leftOut } = await fixture.turn('t9')
    expect([commit?.files, leftOut]).toEqual([[{ path: 'hid/in/f', change: 'added' }], []])
    await bash('rm -r hid')
    await fixture.turn('t10')
  })

  test('a file that is put back is as closed as it was', async () => {
    await bash('for mode in 600 640 644; do echo 1 >$mode; chmod $mode $mode; done')
    await fixture.repo.commitOwnerEdits()
    await bash('rm 600; echo 2 >640; echo 2 >644; chmod 666 640')
    const refused = { id: 't11', intent: 'x', reason: 'x', review: async () => new Set(['600', '640', '644']) }
    expect((await fixture.repo.commitTurn(refused)).putBack).toMatchObject({ paths: ['600', '640', '644'], kept: [] })
    expect(await bash('stat -c %a 600 640 644; rm 600 640 644')).toBe('600\n640\n644')
    await fixture.turn('t12')
  })

  test('everyday commands may set the modes of what they copy', async () => {
    if (TEST_USER !== null) chmodSync(fixture.worktree, 0o2775) // as earlier versions left it
    await fixture.repo.open()
    const tried = 'mkdir -p s/x; chmod 755 s; cp -r s t && cp -a s u && tar cf - s | tar xpf - -C t && echo fine'
    expect(await bash(`${tried}; stat -c %a s; rm -r s t u`)).toBe('fine\n755')
  })

  test('no tool reaches the git dir, the link to it, or its guards', async () => {
    const tried = await bash(
      `rm -f .git; mv .git x; echo gitdir: /tmp >.git; echo x >${fixture.gitDir}/hooks/pre-commit; git commit --allow-empty -m x`,
    )
    expect(tried.match(/Read-only file system|Device or resource busy/g)?.length).toBeGreaterThanOrEqual(4)
    expect(await fixture.read('.git')).toBe(`gitdir: ${fixture.gitDir}\n`)
  })

  test('the folders belong to the caller and are shared with the group of the sandbox', () => {
    if (TEST_USER === null) return expect(statSync(fixture.gitDir).mode & 0o777).toBe(0o700)
    const inGitDir = (name: string) => join(fixture.gitDir, name)
    const modes: readonly (readonly [string, number])[] = [
      [fixture.worktree, 0o770],
      [fixture.gitDir, 0o2775],
      [inGitDir('objects'), 0o2775],
      [inGitDir('hooks'), 0o755],
      [inGitDir('info'), 0o755],
      [inGitDir('config'), 0o644],
    ]
    for (const [path, wanted] of modes) {
      const { uid, gid, mode } = statSync(path)
      expect([path, uid, gid, mode & 0o7777]).toEqual([path, process.getuid?.() ?? -1, TEST_USER.gid, wanted])
    }
    const link = statSync(join(fixture.worktree, '.git'))
    expect([link.uid, link.mode & 0o777]).toEqual([process.getuid?.() ?? -1, 0o644])
  })
})
