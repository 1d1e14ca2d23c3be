import { expect } from 'bun:test'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Claims, REASON, turnsOf } from '../workspace-home.ts'

/** Crashes and damage. */
export const FAULT_CLAIMS: Claims = {
  'killed at any moment, it loses no file, and a turn is recorded once': async (home) => {
    const { bash, reopen, run, tree, record } = home
    await bash('echo 1 >a; echo 1 >b')
    await home.turn('t0')
    for (const [index, timeoutMs] of KILLED_AFTER_MS.entries()) {
      const killed = () => reopen({ run: (request) => run({ ...request, timeoutMs }) })
      const before = tree()
      await bash(`echo ${index} >>a; rm b; mkdir -p d${index}; echo ${index} >d${index}/f; ln -s d${index}/f b`)
      const after = tree()
      await outcomeOf(killed().commitTurn({ id: `t${index + 1}`, ...REASON }))
      const repo = reopen()
      await repo.open()
      await repo.commitTurn({ id: `t${index + 1}`, ...REASON })
      expect(tree()).toEqual(after)
      await outcomeOf(killed().undo(null))
      await repo.open()
      if (record.undoable(1)[0]?.turn === `t${index + 1}`) await repo.undo(null)
      expect(tree()).toEqual(before)
      expect(await repo.commitOwnerEdits()).toBeNull() // the look before a turn, which also mends the index
      expect(home.faults()).toBe('')
    }
    const turns = turnsOf(home).filter((row) => row.startsWith('turn'))
    expect(new Set(turns).size).toBe(turns.length)
  },

  'a commit that was made and not recorded is learned from its trailers': async (home) => {
    const { bash, record, reopen, repo, ownerGit } = home
    await bash('echo 1 >a')
    const dead = { ...record, add: failing }
    await expect(reopen({ record: dead }).commitTurn({ id: 't1', ...REASON })).rejects.toThrow('the database is gone')
    await bash('echo 2 >a')
    await home.turn('t2')
    expect(turnsOf(home)).toEqual(['turn t2', 'turn t1'])
    await expect(reopen({ record: dead }).undo(null)).rejects.toThrow('the database is gone')
    await reopen().open()
    expect(turnsOf(home)).toEqual(['undo t2', 'turn t2', 'turn t1'])
    ownerGit('commit', '--quiet', '--allow-empty', '--message', 'by hand\n\nPlaited-Turn: forged')
    expect((await repo.undo(null)).undone.turn).toBe('t1')
  },

  'a repository with a damaged object or without main is reported': async (home) => {
    await home.bash('echo 1 >a')
    await home.turn('t1')
    const object = home.ownerGit('rev-parse', 'HEAD^{tree}')
    const path = join(home.gitDir, 'objects', object.slice(0, 2), object.slice(2))
    const saved = await Bun.file(path).bytes()
    chmodSync(path, 0o644)
    writeFileSync(path, 'garbage')
    await home.bash('echo 2 >a')
    await expect(home.turn('t2')).rejects.toMatchObject({ code: 'GIT_FAILED' })
    writeFileSync(path, saved)
    expect((await home.turn('t2')).commit).toMatchObject({ turn: 't2' })
  },

  'a git dir that leads elsewhere is refused': async ({ gitDir, bash, turn }) => {
    await bash('echo 1 >a')
    const path = join(gitDir, 'objects/info/alternates')
    writeFileSync(path, '/tmp\n')
    await expect(turn('t1')).rejects.toMatchObject({ code: 'WORKSPACE_UNUSABLE' })
    rmSync(path)
    expect((await turn('t1')).commit).not.toBeNull()
  },
}

/** From before the program runs to after its end; which of its steps each hits does not matter. */
const KILLED_AFTER_MS = [15, 30, 45, 60, 90]

const outcomeOf = (result: Promise<unknown>): Promise<unknown> => result.catch((error: unknown) => error)

const failing = (): never => {
  throw new Error('the database is gone')
}
