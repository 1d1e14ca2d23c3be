import { expect } from 'bun:test'
import { chmodSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Claims, REASON, turnsOf } from '../workspace-home.ts'

/** Undo, redo, restore, and what a review refuses. */
export const TAKING_BACK_CLAIMS: Claims = {
  'undo takes back turns, newest first, and redo brings them again': async (home) => {
    const { repo, bash, turn, tree, ownerGit } = home
    await bash('echo 1 >a; echo true >run; chmod +x run; ln -s /etc/passwd link')
    await turn('t1')
    const first = tree()
    await bash('mkdir -p deep/er; echo 2 >a; echo b >deep/er/b; rm run; ln -sf a link; chmod +x a')
    await turn('t2')
    const second = tree()
    const undone = await repo.undo(null)
    expect(undone).toMatchObject({ undone: { turn: 't2' }, commit: { kind: 'undo', turn: 't2' } })
    expect(undone.diffStat).toContain('4 files changed')
    expect(tree()).toEqual(first)
    expect(home.has('deep')).toBe(false)
    await repo.undo(null)
    expect(readdirSync(home.worktree)).toEqual(['.git'])
    await expect(repo.undo(null)).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' })
    await repo.redo()
    await repo.redo()
    expect(tree()).toEqual(second)
    await expect(repo.redo()).rejects.toMatchObject({ code: 'NOTHING_TO_REDO' })
    expect(turnsOf(home)).toEqual(['redo t2', 'redo t1', 'undo t1', 'undo t2', 'turn t2', 'turn t1'])
    expect(ownerGit('log', '-1', '--format=%an, %cn')).toBe('owner, plaited agent')
  },

  'undo of an older turn leaves what came after it, also in the same file': async ({ repo, bash, turn, read }) => {
    await bash('seq 20 >a')
    await turn('t1')
    await bash('sed -i s/^2$/two/ a')
    await turn('t2')
    await bash('sed -i s/^17$/seventeen/ a; echo mine >mine')
    expect(await repo.undo('t2')).toMatchObject({ undone: { turn: 't2' } })
    expect(read('a')).toBe(Array.from({ length: 20 }, (_, at) => (at === 16 ? 'seventeen\n' : `${at + 1}\n`)).join(''))
    expect(read('mine')).toBe('mine\n')
    await expect(repo.undo('t2')).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' })
    await expect(repo.undo('t9')).rejects.toMatchObject({ code: 'TURN_UNKNOWN' })
  },

  'undo follows a file that was renamed unchanged': async ({ repo, bash, turn, read, has }) => {
    await bash('seq 20 >a')
    await turn('t1')
    await bash('echo more >>a')
    await turn('t2')
    await bash('mv a b')
    await repo.undo('t2')
    expect([has('a'), read('b')]).toEqual([false, Array.from({ length: 20 }, (_, at) => `${at + 1}\n`).join('')])
    await bash('mv b c')
    await turn('t3')
    await bash('echo last >>c')
    await repo.undo('t3')
    expect([has('c'), read('b').endsWith('20\nlast\n')]).toEqual([false, true])
  },

  'a file of the undone turn that the owner has renamed is a conflict, and stays': async (home) => {
    await home.bash('seq 20 >a')
    await home.turn('t1')
    await home.bash('mv a b')
    await expect(home.repo.undo('t1')).rejects.toMatchObject({ code: 'WORKSPACE_CONFLICT' })
    await home.bash('mv b c')
    await home.turn('t2')
    await home.bash('rm c')
    await expect(home.repo.undo('t2')).rejects.toMatchObject({ code: 'WORKSPACE_CONFLICT' })
    expect([...home.tree().keys()]).toEqual([])
  },

  'a conflict names its files and touches nothing': async (home) => {
    const { repo, bash, turn, ownerGit, tree } = home
    await bash('echo turn >a; echo turn >b; echo turn >c')
    await turn('t1')
    await bash('echo later >a; rm c')
    await repo.commitOwnerEdits()
    const [head, files] = [ownerGit('rev-parse', 'HEAD'), tree()]
    await expect(repo.undo(null)).rejects.toMatchObject({
      code: 'WORKSPACE_CONFLICT',
      message: expect.stringMatching(/overlap in a$/),
    })
    expect(ownerGit('rev-parse', 'HEAD')).toBe(head)
    expect(tree()).toEqual(files)
  },

  'a file that no commit knows is never overwritten': async ({ repo, bash, turn, read }) => {
    await bash('echo stored >keep.log; mkdir d; echo stored >d/f')
    await turn('t1')
    await bash('rm -r keep.log d')
    await turn('t2')
    await bash(`printf '*.log\\nd\\n' >.gitignore; echo precious >keep.log; echo precious >d`)
    await expect(repo.undo(null)).rejects.toMatchObject({ code: 'WORKSPACE_CONFLICT' })
    expect([read('keep.log'), read('d')]).toEqual(['precious\n', 'precious\n'])
  },

  'what cannot be written is put back': async ({ repo, worktree, bash, turn, tree, ownerGit }) => {
    await bash('mkdir locked gone; echo 1 >locked/a; echo 1 >free; echo 1 >gone/f')
    await turn('t1')
    await bash('echo 2 >locked/a; echo 2 >free; rm -r gone; mkdir new; echo 2 >new/f')
    await turn('t2')
    const [head, files] = [ownerGit('rev-parse', 'HEAD'), tree()]
    await bash('chmod 555 locked')
    await expect(repo.undo(null)).rejects.toMatchObject({ code: 'GIT_FAILED', message: expect.stringContaining('put') })
    chmodSync(join(worktree, 'locked'), 0o775)
    expect(ownerGit('rev-parse', 'HEAD')).toBe(head)
    expect(tree()).toEqual(files)
  },

  'a file that became a folder, and the reverse, goes both ways': async ({ repo, bash, turn, tree, ownerGit }) => {
    await bash('mkdir -p x/deep; echo 1 >x/deep/file; echo 1 >y')
    await turn('t1')
    const first = tree()
    await bash('rm -r x y; echo 2 >x; mkdir -p y/deep; echo 2 >y/deep/file')
    await turn('t2')
    expect(ownerGit('ls-files')).toBe('x\ny/deep/file')
    await repo.undo(null)
    expect(tree()).toEqual(first)
  },

  'one file is restored to what it was after a turn, as a commit that undo takes back': async (home) => {
    const { repo, bash, turn, read } = home
    await bash('mkdir d; echo 1 >d/a; echo 1 >b; chmod +x d/a')
    await turn('t1')
    await bash('echo 2 >d/a; chmod -x d/a; echo 2 >b')
    await turn('t2')
    expect(await repo.restore('d/a', 't1')).toMatchObject({ commit: { kind: 'restore', files: { length: 1 } } })
    expect([home.tree().get('d/a'), read('b')]).toEqual(['program 1\n', '2\n'])
    await expect(repo.restore('d/a', 't1')).rejects.toMatchObject({ code: 'NOTHING_TO_RESTORE' })
    await expect(repo.restore('d', 't1')).rejects.toMatchObject({ code: 'FILE_UNKNOWN' })
    await expect(repo.restore('d/a', 't9')).rejects.toMatchObject({ code: 'TURN_UNKNOWN' })
    await repo.undo(null)
    expect(home.tree().get('d/a')).toBe('file 2\n')
    await bash('rm -r d; echo file >d')
    await turn('t3')
    await expect(repo.restore('d/a', 't1')).rejects.toMatchObject({ code: 'WORKSPACE_CONFLICT' })
  },

  'what a review refuses is put back before the commit, and the rest is committed': async (home) => {
    await home.bash('echo 1 >keep; echo 1 >guarded; ln -s keep link; echo secret >.env; echo .env >.gitignore')
    await home.turn('t1')
    await home.repo.commitOwnerEdits()
    await home.bash('echo 2 >keep; rm guarded; mkdir guarded; echo x >guarded/f; echo new >new; rm link; echo 2 >link')
    const refused = new Set(['guarded', 'guarded/f', 'new', 'link'])
    const seen: string[] = []
    const review = (changes: readonly { readonly path: string; readonly change: string }[]) => {
      seen.push(...changes.map(({ path, change }) => `${change} ${path}`))
      return Promise.resolve(refused)
    }
    const { commit, putBack } = await home.repo.commitTurn({ id: 't2', ...REASON, review })
    expect(commit?.files).toEqual([{ path: 'keep', change: 'modified' }])
    expect(putBack.paths.toSorted()).toEqual([...refused].toSorted())
    expect(seen.toSorted()).toEqual([
      'added guarded/f',
      'added new',
      'deleted guarded',
      'modified keep',
      'modified link',
    ])
    const strange = { ...REASON, review: () => Promise.resolve(new Set(['bad\ufffdname'])) }
    await home.bash("echo x >$'bad\\xffname'")
    expect(await home.repo.commitTurn({ id: 't3', ...strange })).toMatchObject({ commit: null })
    expect([...home.tree().keys()]).not.toContain('bad\xffname')
    expect([home.tree().get('guarded'), home.tree().get('link'), home.has('new')]).toEqual([
      'file 1\n',
      'link keep',
      false,
    ])
  },

  'what is put back is as closed as it was, also below ignored folders, and leaves no new folder': async (home) => {
    await home.bash(
      `for mode in 600 640 644 750; do echo 1 >$mode; chmod $mode $mode; done; mkdir -p cache/deep mine; echo cache/ >.gitignore
       echo 1 >cache/deep/stays`,
    )
    await home.repo.commitOwnerEdits()
    await home.bash(
      `rm 600; for mode in 640 644 750; do echo 2 >$mode; done; chmod 666 640; mkdir -p mine/new; echo x >mine/new/a
       echo x >cache/deep/new; echo 2 >cache/deep/stays; mkfifo pipe; mkdir -p hid; echo x >hid/a; chmod 000 hid`,
    )
    const stored = ['600', '640', '644', '750']
    const made = ['mine/new/a', 'cache/deep/new', 'pipe', 'hid/a']
    const review = () => Promise.resolve(new Set([...stored, ...made, 'cache/deep/stays']))
    const { commit, putBack } = await home.repo.commitTurn({ id: 't1', ...REASON, review })
    expect([commit, putBack.paths.toSorted(), putBack.kept]).toEqual([
      null,
      [...stored, ...made].toSorted(),
      ['cache/deep/stays'],
    ])
    expect(stored.map((path) => statSync(join(home.worktree, path)).mode & 0o777)).toEqual([0o600, 0o640, 0o644, 0o750])
    expect(['mine', 'mine/new', 'cache/deep/new', 'pipe', 'hid'].filter((path) => home.has(path))).toEqual(['mine'])
  },
}
