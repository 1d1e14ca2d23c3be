import { expect } from 'bun:test'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TEST_USER } from '../../../src/agent/sandbox/tests/sandbox-fixture.ts'
import { ASIDE_TURNS_MAX } from '../../../src/agent/workspace/set-aside.ts'
import { type Claims, REASON, type WorkspaceHome } from '../workspace-home.ts'

/** A turn of which nothing of the named kind may stay. */
const refuse = async ({ repo }: Pick<WorkspaceHome, 'repo'>, pattern: RegExp, id = 't1') => {
  const asked: string[] = []
  const review: Parameters<WorkspaceHome['repo']['commitTurn']>[0]['review'] = async (changes) => {
    asked.push(...changes.map(({ path, change }) => `${change} ${path}`))
    return new Set(changes.map(({ path }) => path).filter((path) => pattern.test(path)))
  }
  const { commit, putBack } = await repo.commitTurn({ id, ...REASON, review })
  return { ...putBack, commit, asked: asked.toSorted() }
}

/** What was there before the turn, or was written while it ran, is never lost. */
export const PUT_BACK_CLAIMS: Claims = {
  'what no commit could take before the turn is left alone, and told when it was changed': async (home) => {
    const at = (path: string) => join(home.worktree, path)
    writeFileSync(at('prod.env'), 'OLD')
    await home.repo.commitOwnerEdits()
    await home.bash("mkdir -p sub/.Git; echo 1 >sub/.Git/y; echo 1 >'git~1'; truncate -s 101M large.pem")
    const odd = Buffer.from(`${at('')}odd\xff.pem`, 'latin1')
    for (const path of [at('secret.pem'), at('prod.env'), odd]) {
      writeFileSync(path, 'NEW')
      chmodSync(path, 0)
    }
    await home.repo.commitOwnerEdits()
    expect(await refuse(home, /./)).toEqual({
      ...{ commit: null, asked: [], paths: [], kept: [] },
      ...{ aside: null, expired: [] },
    })
    for (const path of ['git~1', 'large.pem', 'prod.env', 'secret.pem', 'sub/.Git/y'])
      expect([path, home.has(path)]).toEqual([path, true])
    await home.bash("echo 2 >>large.pem; echo 2 >>'git~1'; rm -f secret.pem; touch new.pem; touch $'odd\\xfe.pem'")
    const second = await refuse(home, /./)
    expect(second.kept.toSorted()).toEqual(['git~1', 'large.pem', 'secret.pem'])
    expect(second.paths.toSorted()).toEqual(['new.pem', 'odd\ufffd.pem'])
    for (const path of [at('prod.env'), odd]) {
      chmodSync(path, 0o644)
      expect(readFileSync(path, 'utf8')).toBe('NEW')
    }
    await home.repo.commitOwnerEdits()
    await home.bash('rm large.pem; mkdir large.pem; touch large.pem/in.pem')
    expect(await refuse(home, /./)).toMatchObject({ paths: ['large.pem/in.pem'], kept: ['large.pem'] })
    await home.bash("rm -r sub 'git~1'")
    await home.repo.commitOwnerEdits()
  },

  'what stands in the place of a file that is put back is moved away whole': async (home) => {
    const long = 'd'.repeat(200)
    await home.bash('mkdir -p locked folder; for f in a.pem x.pem locked/b.pem folder/c.pem; do echo OLD >$f; done')
    await home.repo.commitOwnerEdits()
    writeFileSync(join(home.worktree, 'a.pem'), 'OWNER')
    await home.bash(
      `rm x.pem; mkdir -p x.pem/deep; echo in >x.pem/deep/y; chmod 555 x.pem; rm -r folder; ln -s /etc folder
       echo 2 >locked/b.pem; chmod 555 locked; mkfifo pipe.pem; touch ./-f.pem $'two\\nlines.pem' $'odd\\xff.pem'
       d=${long}; for i in $(seq 19); do mkdir $d; cd $d; done; echo deep >$(printf 'f%.0s' $(seq 250)).pem`,
    )
    const { aside, kept, paths } = await refuse(home, /\.pem/)
    expect([kept, paths.length]).toEqual([[], 10])
    expect(['a.pem', 'x.pem', 'locked/b.pem', 'folder/c.pem'].map(home.read)).toEqual(Array(4).fill('OLD\n'))
    expect([home.has('pipe.pem'), home.has('-f.pem')]).toEqual([false, false])
    expect(home.read(`${aside}/a.pem`)).toBe('OWNER')
    const listed = await home.bash(
      `cd ${aside}; find . ! -type d ! -path './long-*' -print0 | LC_ALL=C sort -z | tr '\\0' ','; cat long-*/f*.pem`,
    )
    expect(listed).toBe(
      './-f.pem,./a.pem,./folder,./locked/b.pem,./odd\ufffd.pem,./pipe.pem,./two\nlines.pem,./x.pem/deep/y,deep',
    )
    expect(home.ownerGit('status', '--porcelain')).toBe('')
  },

  'no command keeps what is in the way by what it left where that is moved to': async (home) => {
    const planted = [
      'mkdir elsewhere; ln -s elsewhere .plaited',
      'echo file >.plaited',
      'mkfifo .plaited',
      'mkdir -p .plaited/aside; chmod 000 .plaited/aside; chmod 000 .plaited',
      'mkdir -p .plaited elsewhere; ln -s ../elsewhere .plaited/aside',
      "mkdir -p .plaited/aside; for i in $(seq 30); do ln -s /tmp .plaited/aside/t1-$i; touch $'.plaited/aside/\\n$i'; done",
    ]
    for (const plant of planted) {
      await home.repo.commitOwnerEdits()
      await home.bash(`${plant}; echo x >new.pem`)
      const { aside, paths } = await refuse(home, /^new\.pem$/)
      expect([plant, paths, home.has('new.pem')]).toEqual([plant, ['new.pem'], false])
      expect(home.read(`${aside}/new.pem`)).toBe('x\n')
      expect(await home.bash('ls elsewhere 2>/dev/null || :')).toBe('')
      await home.bash('chmod -R u+rwx .plaited 2>/dev/null; rm -rf .plaited .plaited-* elsewhere')
    }
    await home.repo.commitOwnerEdits()
  },

  'what cannot be moved is neither written over nor called put back': async (home) => {
    if (TEST_USER === null) return // where the sandbox is another user only
    mkdirSync(join(home.worktree, 'mine'), { mode: 0o755 })
    writeFileSync(join(home.worktree, 'mine/a.pem'), 'OLD')
    writeFileSync(join(home.worktree, 'b.pem'), 'OLD')
    await home.repo.commitOwnerEdits()
    writeFileSync(join(home.worktree, 'mine/a.pem'), 'NEW')
    await home.bash('rm -f b.pem; echo x >b.pem')
    const { aside, ...rest } = await refuse(home, /./)
    expect(rest).toMatchObject({ paths: ['b.pem'], kept: ['mine/a.pem'] })
    expect(await home.bash(`cd ${aside}; find . -mindepth 1`)).toBe('./b.pem')
    expect([home.read('mine/a.pem'), home.read('b.pem')]).toEqual(['NEW', 'OLD'])
  },

  'killed before it is restored, neither what was stored nor what was moved away is lost': async (home) => {
    await home.bash('echo OLD >a.pem')
    await home.repo.commitOwnerEdits()
    const killed = home.reopen({
      run: (request) => {
        const what = `${request.argv.join(' ')} ${typeof request.stdin === 'string' ? request.stdin : ''}`
        return /checkout-index|"put-back"/.test(what) ? Promise.reject(new Error('killed')) : home.run(request)
      },
    })
    await killed.commitOwnerEdits()
    await home.bash('echo NEW >a.pem')
    await expect(refuse({ repo: killed }, /./)).rejects.toThrow('killed')
    const repo = home.reopen()
    await repo.open()
    const folders: string[] = []
    await repo.commitFound('t1', (_, setAside) => void folders.push(...setAside))
    expect(folders).toHaveLength(1)
    expect(home.read(`${folders[0]}/a.pem`)).toBe('NEW\n')
    expect(home.ownerGit('show', 'HEAD^:a.pem')).toBe('OLD')
  },

  'of what was moved away the newest folders are kept, and those that go are named': async (home) => {
    await home.bash(
      `mkdir -p .plaited/aside; cd .plaited/aside
       for i in $(seq ${ASIDE_TURNS_MAX + 5}); do mkdir -p t$i-abcdef/in; echo x >t$i-abcdef/in/f
         case $i in 1) chmod 000 t1-abcdef/in t1-abcdef ;; 2) touch -d 2100-01-01 t2-abcdef ;; esac; sleep 0.01; done; echo 1 >/workspace/a.pem`,
    )
    await home.repo.commitOwnerEdits()
    await home.bash('rm a.pem')
    expect(await refuse(home, /a\.pem/)).toMatchObject({ paths: ['a.pem'], aside: null, expired: [] })
    await home.bash('echo 2 >a.pem')
    const { expired, aside } = await refuse(home, /a\.pem/)
    expect(expired.toSorted()).toEqual([1, 2, 3, 4, 5, 6].map((turn) => `.plaited/aside/t${turn}-abcdef`))
    const left = await home.bash('ls .plaited/aside')
    expect(left.split('\n')).toHaveLength(ASIDE_TURNS_MAX)
    expect(left).toContain(aside?.slice('.plaited/aside/'.length) ?? 'a folder')
  },
}
