import { expect } from 'bun:test'
import type { Claims } from '../workspace-home.ts'

/** Turns and their commits. */
export const BASIC_CLAIMS: Claims = {
  'a new workspace holds one empty commit, and opening it again changes nothing': async (home) => {
    const { repo, reopen, ownerGit, record } = home
    expect(ownerGit('log', '--format=%s')).toBe('chore: workspace created')
    const before = ownerGit('rev-parse', 'HEAD')
    await reopen().open()
    expect(await repo.commitOwnerEdits()).toBeNull()
    expect(ownerGit('rev-parse', 'HEAD')).toBe(before)
    expect(record.list(1)).toEqual([])
  },

  'a turn makes one commit with its trailer and author, and none when it changed nothing': async (home) => {
    await home.bash('mkdir b; echo one >a.txt; echo two >b/c.txt')
    expect((await home.turn('t1')).commit).toMatchObject({
      ...{ kind: 'turn', turn: 't1', subject: 'chore: add 2 files' },
      files: [
        { path: 'a.txt', change: 'added' },
        { path: 'b/c.txt', change: 'added' },
      ],
    })
    expect(await home.turn('t2')).toMatchObject({ commit: null, leftOut: [] })
    await home.bash('rm a.txt; echo three >b/c.txt; touch b/c.txt')
    expect((await home.turn('t3')).commit?.files).toEqual([
      { path: 'a.txt', change: 'deleted' },
      { path: 'b/c.txt', change: 'modified' },
    ])
    const format = '--format=%an <%ae>|%cn|%ct|%(trailers:key=Plaited-Turn,valueonly)'
    expect(home.ownerGit('log', '-1', format)).toBe('plaited agent <agent@plaited.invalid>|plaited agent|1800000000|t3')
    expect(home.ownerGit('rev-list', '--count', 'HEAD')).toBe('3')
  },

  "the owner's edits, and what an interrupted turn left, are commits of their own that no undo takes back": async (
    home,
  ) => {
    await home.bash('echo mine >mine.txt')
    expect(await home.repo.commitOwnerEdits()).toMatchObject({ kind: 'owner', turn: null })
    await home.bash('echo found >found.txt')
    expect(await home.repo.commitFound('t1', () => {})).toMatchObject({ kind: 'owner', turn: 't1' })
    expect(home.ownerGit('log', '-2', '--format=%an, %cn')).toBe('owner, plaited agent\nowner, plaited agent')
    await expect(home.repo.undo(null)).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' })
  },

  'what no commit holds is named: ignored, refused, unreadable, too large': async (home) => {
    await home.bash(
      `printf '*.log\\ncache/\\n!keep.log\\n' >.gitignore; mkdir cache hid .GIT; echo a >cache/a; mkdir -p .plaited/out; echo o >.plaited/out/1; echo x >x.log; echo k >keep.log
       echo r >'git~1'; echo g >.GIT/x; echo s >secret; echo h >hid/f; chmod 000 secret hid; truncate -s 101M large; mkfifo pipe`,
    )
    const { commit, leftOut } = await home.turn('t1')
    expect(commit?.files.map(({ path }) => path)).toEqual(['.gitignore', 'keep.log'])
    expect(leftOut[0]).toStartWith('large (101 MiB')
    expect(leftOut.slice(1).toSorted()).toEqual(['.GIT/x', 'cache/', 'git~1', 'hid/', 'pipe', 'secret', 'x.log'])
    await home.bash("chmod 700 hid; chmod 600 secret; rm -r 'git~1' .GIT large pipe hid secret x.log cache")
  },

  'the diff shows one turn, or the newest commit, and is cut with a note': async ({ repo, bash, turn }) => {
    expect(await repo.diff(null)).toBe('')
    await bash(`echo one >'a "b".txt'; printf 'no end' >n; printf 'a\\0b' >bin`)
    await turn('t1')
    await bash(`seq 30 >'a "b".txt'; chmod +x n; rm bin`)
    await turn('t2')
    await bash(`sed -i 's/^15$/fifteen/' 'a "b".txt'`)
    await turn('t3')
    expect(await repo.diff('t1')).toContain('new file mode 100644')
    expect(await repo.diff('t1')).toContain('+no end\n\\ No newline at end of file')
    expect(await repo.diff('t1')).toContain('Binary files /dev/null and b/bin differ')
    expect(await repo.diff('t2')).toContain('old mode 100644\nnew mode 100755')
    expect(await repo.diff(null)).toMatch(/^@@ -12,7 \+12,7 @@.*\n 12\n 13\n 14\n-15\n\+fifteen\n 16\n 17\n 18\n$/m)
    expect(await repo.diff('unknown')).toBe('')
    await bash('yes "one line" | head -50000 >long')
    await turn('t4')
    expect(await repo.diff('t4')).toEndWith('gives the rest]\n')
  },
}
