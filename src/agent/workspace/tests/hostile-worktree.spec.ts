import { describe, expect, test } from 'bun:test'
import { existsSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { createOpenedFixture, type Fixture } from './workspace-fixture.ts'

/** Runs a script in the workspace as the agent's bash would. */
const agent = ({ worktree }: Fixture, script: string): void => {
  const { exitCode, stderr } = Bun.spawnSync(['bash', '-euc', script], {
    cwd: worktree,
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a@example.org',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a@example.org',
      GIT_CEILING_DIRECTORIES: worktree,
      MARKER: join(worktree, '../executed'),
    },
    stdin: null,
  })
  if (exitCode !== 0) throw new Error(stderr.toString())
}

const PLANT = `
evil=$(dirname "$MARKER")/evil.sh
cat >"$evil" <<EOF
#!/bin/sh
echo "\\$0 \\$*" >>"$MARKER"
cat
EOF
chmod +x "$evil"
mkdir hooks
for hook in pre-commit post-commit post-checkout post-merge post-index-change reference-transaction; do cp "$evil" hooks/$hook; done
echo '* filter=evil diff=evil merge=evil ident' >.gitattributes
printf '[submodule "nest"]\\n path = nest\\n url = ext::%s\\n update = !%s\\n' "$evil" "$evil" >.gitmodules
git init -q nest
cd nest
echo inside >file
git add file
git commit -qm inside
git config core.fsmonitor "$evil"
git config core.hooksPath ../hooks
git config filter.evil.clean "$evil"
git config filter.evil.smudge "$evil"
git config filter.evil.process "$evil"
git config diff.external "$evil"
git config diff.evil.textconv "$evil"
git config diff.evil.command "$evil"
git config merge.evil.driver "$evil"
`

describe('a hostile worktree', () => {
  test('has nothing of it executed by commit, undo, diff, or the plain git of the owner afterwards', async () => {
    using fixture = await createOpenedFixture()
    await fixture.write('a.txt', '1\n')
    await fixture.turn('t0')
    agent(fixture, PLANT)
    await fixture.write('a.txt', '2\n')
    await fixture.turn('t1')
    agent(fixture, 'echo changed >nest/file; touch hooks/*')
    await fixture.turn('t2')
    await fixture.repo.diff('t1')
    fixture.ownerGit('status')
    fixture.ownerGit('diff')
    fixture.ownerGit('log', '-p')
    await fixture.repo.undo(null)
    await fixture.repo.undo(null)
    expect(existsSync(join(fixture.root, 'executed'))).toBe(false)
    expect(await fixture.read('a.txt')).toBe('1\n')

    // The plants are live: git inside of the nested repository runs them.
    agent(fixture, 'cd nest; git status')
    expect(existsSync(join(fixture.root, 'executed'))).toBe(true)
  })

  test('has nested repositories stored as plain files, at any depth, and brought back by undo', async () => {
    using fixture = await createOpenedFixture()
    agent(
      fixture,
      `for name in nest nest/inner ./-dash $'two\\nlines' empty; do git init -q "$name"; done
       for name in nest nest/inner ./-dash $'two\\nlines'; do
         (cd "$name"; echo text >file; git add file; git commit -qm x)
       done
       printf node_modules >nest/.gitignore; mkdir -p nest/node_modules; git init -q nest/node_modules/dependency
       echo text >nest/node_modules/dependency/file`,
    )
    const stored = ['-dash/file', 'nest/.gitignore', 'nest/file', 'nest/inner/file', 'two\nlines/file']
    const { commit } = await fixture.turn('t1')
    expect(commit?.files.map(({ path }) => path).toSorted()).toEqual(stored)
    expect(fixture.ownerGit('ls-files', '-z').split('\0').filter(Boolean)).toEqual(stored)
    expect(fixture.ownerGit('ls-files', '--stage')).not.toMatch(/^160000/m)
    expect((await fixture.turn('t2')).commit).toBeNull()
    agent(fixture, 'rm -rf nest/inner; echo other >nest/file')
    await fixture.turn('t3')
    await fixture.repo.undo(null)
    expect(await fixture.read('nest/inner/file')).toBe('text\n')
    expect(await fixture.read('nest/file')).toBe('text\n')
    expect(fixture.ownerGit('fsck', '--strict', '--no-dangling')).toBe('')
  })

  test('has a stored file replaced by a nested repository of the same name', async () => {
    using fixture = await createOpenedFixture()
    await fixture.write('x', 'file')
    await fixture.turn('t1')
    agent(fixture, 'rm x; git init -q x; cd x; echo inside >y; git add y; git commit -qm y')
    await fixture.turn('t2')
    expect(fixture.ownerGit('ls-files', '--stage')).toMatch(/^100644 \w+ 0\tx\/y$/)
    expect(fixture.faults()).toBe('')
  })

  test("has links to repositories that the owner's git stored turned into plain files", async () => {
    using fixture = await createOpenedFixture()
    agent(fixture, 'git init -q nest; cd nest; echo inside >file; git add file; git commit -qm x')
    fixture.ownerGit('add', 'nest')
    fixture.ownerGit('commit', '--quiet', '--message', 'a link')
    expect(fixture.ownerGit('ls-files', '--stage')).toStartWith('160000')
    await fixture.repo.commitOwnerEdits()
    expect(fixture.ownerGit('ls-files')).toBe('nest/file')
  })

  test('has files that git refuses left out, and all others committed', async () => {
    using fixture = await createOpenedFixture()
    await fixture.write('pipe', 'a file at first')
    await fixture.turn('t1')
    agent(
      fixture,
      `rm pipe; mkfifo pipe other-pipe; touch 'git~1' good; ln -s /etc/passwd .gitmodules; git init -q 'a/git~2'
       touch 'a/git~2/file'; git init -q 'b/git~1'; touch 'b/git~1/file'; echo garbage '[[[' >.gitconfig; mkdir .hidden; mkfifo .hidden/pipe`,
    )
    const { commit, leftOut } = await fixture.turn('t2')
    expect(commit?.files.toSorted((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: '.gitconfig', change: 'added' },
      { path: 'a/git~2/file', change: 'added' },
      { path: 'good', change: 'added' },
      { path: 'pipe', change: 'deleted' },
    ])
    const odd = ['.hidden/pipe', 'a/git~2/.git', 'other-pipe', 'pipe']
    expect(leftOut.toSorted()).toEqual(['.gitmodules', 'b/git~1/', 'git~1', ...odd].toSorted())
    expect((await fixture.turn('t3')).commit).toBeNull()
    await expect(fixture.repo.undo(null)).rejects.toMatchObject({ code: 'WORKSPACE_CONFLICT' })
    agent(fixture, 'rm pipe')
    await fixture.repo.undo(null)
    expect(await fixture.read('pipe')).toBe('a file at first')
  })

  test('has a .gitmodules that is no configuration committed like any file', async () => {
    using fixture = await createOpenedFixture()
    await fixture.write('.gitmodules', 'garbage [[[\n')
    await fixture.turn('t1')
    await fixture.write('.gitmodules', 'other garbage [[[\n')
    expect(await fixture.turn('t2')).toMatchObject({
      commit: { files: [{ path: '.gitmodules', change: 'modified' }] },
    })
    await fixture.repo.undo(null)
    expect(await fixture.read('.gitmodules')).toBe('garbage [[[\n')
  })
})

test('files of any name are committed, and undone to the byte', async () => {
  const unit = fc.constantFrom(...'a-\'"\n\t \\é🦊\u202e*?[!:(#~.$`;&|<\x01\x7f')
  const name = fc.string({ unit, minLength: 1, maxLength: 12 }).filter((text) => !/^\.{1,2}$/.test(text))
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'))
  const paths = fc
    .uniqueArray(path, { minLength: 1, maxLength: 6 })
    .map((all) => all.filter((one) => !all.some((other) => other.startsWith(`${one}/`))))
  await fc.assert(
    fc.asyncProperty(paths, async (all) => {
      using fixture = await createOpenedFixture()
      for (const one of all) await fixture.write(one, one)
      const { commit } = await fixture.turn('t1')
      expect(commit?.files.map((file) => file.path).toSorted()).toEqual(all.toSorted())
      for (const one of all) await fixture.write(one, 'changed')
      await fixture.turn('t2')
      await fixture.repo.undo(null)
      for (const one of all) expect(await fixture.read(one)).toBe(one)
      await fixture.repo.undo(null)
      expect(fixture.ownerGit('ls-tree', '-r', 'HEAD')).toBe('')
      expect(fixture.faults()).toBe('')
    }),
    { numRuns: 4 },
  )
})

test('a name that is no UTF-8 is committed and undone', async () => {
  using fixture = await createOpenedFixture()
  agent(fixture, `echo text >$'bad\\xff\\xfename'`)
  expect((await fixture.turn('t1')).commit?.files).toEqual([{ path: 'bad\ufffd\ufffdname', change: 'added' }])
  agent(fixture, `rm $'bad\\xff\\xfename'`)
  await fixture.turn('t2')
  await fixture.repo.undo(null)
  agent(fixture, `test -f $'bad\\xff\\xfename'`)
  expect(fixture.faults()).toBe('')
})

test.each(['commondir', 'config.worktree', 'gitdir', 'worktrees', 'objects/info/alternates'])(
  'a %s in the git dir is refused before git runs, and named',
  async (name) => {
    using fixture = await createOpenedFixture()
    const path = join(fixture.gitDir, name)
    writeFileSync(path, '/tmp\n')
    const refused = { code: 'WORKSPACE_UNUSABLE', hint: expect.stringContaining(`mv ${path}`) }
    await fixture.write('a.txt', '1\n')
    await expect(fixture.turn('t1')).rejects.toMatchObject(refused)
    await expect(fixture.reopen().open()).rejects.toMatchObject(refused)
    rmSync(path)
    expect((await fixture.turn('t1')).commit).not.toBeNull()
  },
)

test('a guard of the git dir that has become a link is refused', async () => {
  using fixture = await createOpenedFixture()
  const hooks = join(fixture.gitDir, 'hooks')
  rmSync(hooks, { recursive: true })
  symlinkSync('/tmp', hooks)
  await expect(fixture.reopen().open()).rejects.toMatchObject({ code: 'WORKSPACE_UNUSABLE' })
})
