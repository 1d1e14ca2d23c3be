import { expect } from 'bun:test'
import type { Claims } from '../workspace-home.ts'

/** What an agent can leave in the workspace. */
export const HOSTILE_CLAIMS: Claims = {
  'links, modes and bytes come back as they were, whatever attributes say': async ({ repo, bash, turn, tree }) => {
    await bash(
      `printf '* text=auto eol=lf ident working-tree-encoding=UTF-16 filter=evil\\n' >.gitattributes
       printf '\\r\\n$Id$\\r\\n\\0binary\\r\\n' >bytes; ln -s ../../etc/shadow out; ln -s . loop; echo true >run; chmod 755 run`,
    )
    await turn('t1')
    const before = tree()
    await bash('rm out loop run; echo other >bytes')
    await turn('t2')
    await repo.undo(null)
    expect(tree()).toEqual(before)
  },

  'nested repositories are plain files, at any depth, and nothing of them runs': async (home) => {
    await home.bash(
      `printf '#!/bin/sh\\ntouch /workspace/executed\\ncat\\n' >evil; chmod +x evil; echo x >x
       for name in nest nest/inner ./-dash $'two\\nlines' empty; do mkdir -p "$name/.git"; cd "$name"
         printf '[core]\\n\\trepositoryformatversion = 0\\n\\tbare = false\\n\\tfsmonitor = /workspace/evil\\n' >.git/config
         mkdir -p .git/objects .git/refs/heads; echo ref: refs/heads/main >.git/HEAD; cd /workspace; done
       for name in nest nest/inner ./-dash $'two\\nlines'; do echo text >"$name/file"; done`,
    )
    const stored = ['-dash/file', 'evil', 'nest/file', 'nest/inner/file', 'two\nlines/file', 'x']
    expect((await home.turn('t1')).commit?.files.map(({ path }) => path).toSorted()).toEqual(stored)
    expect(home.ownerGit('ls-files', '--stage')).not.toMatch(/^160000/m)
    expect((await home.turn('t2')).commit).toBeNull()
    await home.bash(
      'rm -rf nest/inner x; echo other >nest/file; mkdir -p x/.git; cp nest/.git/config x/.git; echo y >x/y',
    )
    await home.turn('t3')
    await home.bash('rm -rf x/.git')
    await home.repo.undo(null)
    expect([home.read('nest/inner/file'), home.read('nest/file'), home.read('x')]).toEqual(['text\n', 'text\n', 'x\n'])
    expect(home.has('executed')).toBe(false)
    await home.bash('rm -rf nest/.git empty') // for the plain git of the owner in `faults`
  },

  'a folder that became a link is left as a link, and undo writes nothing through it': async (home) => {
    await home.bash('mkdir -p d/refs/heads; echo 1 >d/refs/heads/main; echo 1 >d/config')
    await home.turn('t1')
    const before = home.tree()
    const main = home.ownerGit('rev-parse', 'HEAD')
    await home.bash('rm -r d; ln -s /git d')
    expect((await home.turn('t2')).commit?.files).toEqual([
      { path: 'd', change: 'added' },
      { path: 'd/config', change: 'deleted' },
      { path: 'd/refs/heads/main', change: 'deleted' },
    ])
    await home.repo.undo(null)
    expect(home.tree()).toEqual(before)
    expect(home.ownerGit('rev-parse', 'HEAD~2')).toBe(main)
    await home.bash('rm -r d; ln -s /git d; echo /git >.gitignore; echo d >>.gitignore')
    await expect(home.repo.restore('d/config', 't1')).rejects.toMatchObject({ code: 'WORKSPACE_CONFLICT' })
    expect(home.ownerGit('config', '--get', 'core.bare')).toBe('false')
  },

  'a FIFO in the place of a file counts as its deletion, and is not overwritten': async (home) => {
    await home.bash('echo 1 >pipe; echo 1 >socket')
    await home.turn('t1')
    await home.bash('rm pipe; mkfifo pipe; echo good >good')
    expect((await home.turn('t2')).commit?.files).toEqual([
      { path: 'good', change: 'added' },
      { path: 'pipe', change: 'deleted' },
    ])
    await expect(home.repo.undo(null)).rejects.toMatchObject({ code: 'WORKSPACE_CONFLICT' })
    await home.bash('rm pipe')
    await home.repo.undo(null)
    expect(home.read('pipe')).toBe('1\n')
  },

  'undo deletes nothing that no commit holds, whatever stands in the place of a file': async (home) => {
    await home.bash('echo 1 >a')
    await home.turn('t1')
    await home.bash('rm a')
    await home.turn('t2')
    for (const plant of [
      'mkfifo a/kept',
      'mkdir a/.git; echo x >a/.git/kept',
      'mkdir a/b; echo x >a/b/.git',
      'mkdir a/b a/b/.git; mkfifo a/b/.git/kept',
      'echo x >a/kept; chmod 0 a/kept',
      'mkdir a/b; echo x >a/b/kept; chmod 0 a/b',
    ]) {
      const before = await home.bash(`mkdir a; ${plant}; find a 2>&1 | sort`)
      await expect(home.repo.undo(null)).rejects.toMatchObject({ code: 'WORKSPACE_CONFLICT' })
      expect(await home.bash('find a 2>&1 | sort')).toBe(before)
      await home.bash('chmod -R u+rwX a; rm -r a')
    }
    await home.repo.undo(null)
    expect(home.read('a')).toBe('1\n')
  },

  'names of any bytes and paths of 4 KB are committed and undone': async ({ repo, bash, turn, tree, ownerGit }) => {
    await bash(
      `touch ./-dash ':(top)magic' '*' $'tab\\tquote"\\\\' $'new\\nline' 'ünïcødé 🦊' $'bad\\xff\\xfename' ' ' '~' 'a b ' '...'
       d=$(printf 'd%.0s' $(seq 200)); for i in $(seq 19); do mkdir $d; cd $d; done; echo deep >$(printf 'f%.0s' $(seq 200))`,
    )
    const { commit, leftOut } = await turn('t1')
    expect([commit?.files.length, leftOut]).toEqual([12, []])
    const before = tree()
    await bash('find . -mindepth 1 -maxdepth 1 ! -name .git -exec rm -rf {} +')
    await turn('t2')
    expect(ownerGit('ls-tree', '-r', 'HEAD')).toBe('')
    await repo.undo(null)
    expect(tree()).toEqual(before)
  },

  'a name that is .git for a Mac or Windows is in no commit, and the rest is': async ({ bash, turn }) => {
    await bash(
      `for n in $'.g\\u200cit' $'.GIT\\ufeff' .GIT 'git~1'; do mkdir "$n"; echo x >"$n/config"; done
       ln -s a $'.git\\u200dmodules'; echo x >$'na\\u200cme'; echo x >good`,
    )
    const { commit, leftOut } = await turn('t1')
    expect(commit?.files.map(({ path }) => path).toSorted()).toEqual(['good', 'na\u200cme'])
    expect(leftOut.map((path) => path.replace(/\/.*/, '')).toSorted()).toEqual(
      ['.GIT', '.GIT\ufeff', '.git\u200dmodules', '.g\u200cit', 'git~1'].toSorted(),
    )
    await bash('shopt -s dotglob; for n in *; do case $n in .git | good | na*) ;; *) rm -rf "$n" ;; esac; done')
  },

  'ignore rules decide as git says': async ({ bash, turn, ownerGit }) => {
    await bash(
      `printf '%s\\n' '# c' '\\#hash' '*.log' '!keep.log' '/top' 'dir/' 'a/*/b' 'x/**/y' '**/z' 'q?' '[a-c]1' '[!a-c]2' 'sp\\ ' 'tr  ' '\\!bang' '[[:digit:]]9' 'd/**' '!d/in' 'Case' >.gitignore
       mkdir -p sub/dir dir a/m/b a/m/n/b x/y x/1/2/y s/z d/in Case2 sub/.hid e; echo '!x.log' >sub/.gitignore; echo '/only' >e/.gitignore
       for f in '#hash' a.log keep.log top sub/top sub/dir/f dir/f a/m/b/f a/m/n/b/f x/y/f x/1/2/y/f s/z/f q1 q12 a1 d1 d2 a2 'sp ' sp tr '!bang' 79 d/in/f d/f case Case sub/x.log sub/a.log e/only e/x/only; do mkdir -p "$(dirname "$f")"; [ -d "$f" ] || echo 1 >"$f"; done`,
    )
    const { commit } = await turn('t1')
    const wanted = ownerGit('ls-files', '-z', '--cached', '--others', '--exclude-standard').split('\0').filter(Boolean)
    expect(commit?.files.map(({ path }) => path).toSorted()).toEqual(wanted.toSorted())
    expect(ownerGit('ls-files', '-z', '--others', '--exclude-standard')).toBe('')
  },
}
