import { expect } from 'bun:test'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Claims } from '../workspace-home.ts'

/** Beside the owner's own git. */
export const OWNER_CLAIMS: Claims = {
  'away from main, or in the middle of a merge, is refused by name': async (home) => {
    const { repo, bash, turn, ownerGit, gitDir } = home
    await bash('echo 1 >a')
    await turn('t1')
    ownerGit('symbolic-ref', 'HEAD', 'refs/heads/side')
    await bash('echo 2 >a')
    const refused = { code: 'WORKSPACE_UNUSABLE', message: expect.stringContaining('side') }
    await expect(turn('t2')).rejects.toMatchObject(refused)
    await expect(repo.undo(null)).rejects.toMatchObject(refused)
    await expect(repo.redo()).rejects.toMatchObject(refused)
    await expect(repo.restore('a', 't1')).rejects.toMatchObject(refused)
    await expect(repo.commitOwnerEdits()).rejects.toMatchObject(refused)
    ownerGit('symbolic-ref', 'HEAD', 'refs/heads/main')
    writeFileSync(join(gitDir, 'MERGE_HEAD'), `${ownerGit('rev-parse', 'HEAD')}\n`)
    await expect(turn('t2')).rejects.toMatchObject({ code: 'WORKSPACE_UNUSABLE' })
    rmSync(join(gitDir, 'MERGE_HEAD'))
    expect((await turn('t2')).commit).toMatchObject({ turn: 't2' })
  },

  'an unresolved merge of the owner is not committed over': async ({ bash, turn, ownerGit }) => {
    await bash('echo 1 >a')
    await turn('t1')
    const [one, two] = ['1', '2'].map((text) => ownerGit('rev-parse', 'HEAD:a', '--default', text).split('\n')[0])
    const stages = [1, 2, 3].map((stage) => `100644 ${stage === 2 ? two : one} ${stage}\ta`).join('\n')
    Bun.spawnSync(
      ['git', '-c', 'safe.directory=*', '-C', ownerGit('rev-parse', '--show-toplevel'), 'update-index', '--index-info'],
      {
        stdin: Buffer.from(`0 ${'0'.repeat(40)}\ta\n${stages}\n`),
      },
    )
    await expect(turn('t2')).rejects.toMatchObject({ code: 'WORKSPACE_UNUSABLE' })
    ownerGit('read-tree', 'HEAD')
  },

  'commits, staged files and packed history of the owner are worked with': async (home) => {
    const { repo, bash, turn, ownerGit, worktree } = home
    await bash('echo 1 >a; seq 1000 >long')
    await turn('t1')
    await bash('seq 1001 >long; echo owner >b')
    ownerGit('add', 'b')
    ownerGit('commit', '--quiet', '--message', 'by hand\n\nPlaited-Turn: t1', '--', 'b')
    await bash('echo staged >c')
    ownerGit('add', 'c')
    ownerGit('repack', '-adq', '--depth=5', '--window=5')
    ownerGit('pack-refs', '--all', '--prune')
    ownerGit('prune-packed')
    expect((await repo.undo('t1').catch((error: unknown) => error)) as object).toMatchObject({
      code: 'WORKSPACE_CONFLICT', // long has changed since
    })
    await bash('seq 1000 >long')
    expect((await repo.undo(null)).undone.turn).toBe('t1')
    expect(readdirSync(worktree).toSorted()).toEqual(['.git', 'b', 'c'])
  },

  'turns that the owner removed from the history are passed over and named': async ({ repo, bash, turn, ownerGit }) => {
    for (const id of ['t1', 't2', 't3']) {
      await bash(`echo 1 >${id}`)
      await turn(id)
    }
    ownerGit('commit', '--amend', '--quiet', '--message', 'in my words')
    expect(await repo.undo(null)).toMatchObject({ undone: { turn: 't2' }, lost: [{ turn: 't3' }] })
    await expect(repo.undo('t3')).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' })
  },

  'a lock that the owner holds is waited for, and then left alone': async ({ gitDir, bash, turn, repo }) => {
    await bash('echo 1 >a')
    const lock = join(gitDir, 'index.lock')
    writeFileSync(lock, '')
    await expect(turn('t1')).rejects.toMatchObject({ code: 'GIT_FAILED', hint: expect.stringContaining(lock) })
    expect(existsSync(lock)).toBe(true)
    rmSync(lock)
    expect((await turn('t1')).commit).toMatchObject({ turn: 't1' })
    await repo.undo(null)
  },
}
