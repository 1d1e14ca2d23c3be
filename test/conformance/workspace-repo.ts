/**
 * What every engine of the workspace must do, seen through `WorkspaceRepo` and with the git of the machine as oracle. A
 * new engine is held to it by one call of `describeWorkspaceRepo`.
 */
import { expect, test } from 'bun:test'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeWhen } from '../helpers.ts'
import { BASIC_CLAIMS } from './claims/basic-claims.ts'
import { FAULT_CLAIMS } from './claims/fault-claims.ts'
import { HOSTILE_CLAIMS } from './claims/hostile-claims.ts'
import { OWNER_CLAIMS } from './claims/owner-claims.ts'
import { PUT_BACK_CLAIMS } from './claims/put-back-claims.ts'
import { TAKING_BACK_CLAIMS } from './claims/taking-back-claims.ts'
import { createWorkspaceHome, type MakeEngine, openWorkspaceHome } from './workspace-home.ts'

/** Runs every claim over one engine; `reason` says why it cannot run here, or is null. */
export const describeWorkspaceRepo = (name: string, reason: string | null, makeEngine: MakeEngine): void => {
  describeWhen(reason === null, `${reason}`, `the workspace over ${name}`, () => {
    const claims = Object.entries({
      ...BASIC_CLAIMS,
      ...TAKING_BACK_CLAIMS,
      ...PUT_BACK_CLAIMS,
      ...HOSTILE_CLAIMS,
      ...OWNER_CLAIMS,
      ...FAULT_CLAIMS,
    })
    test.each(claims)('%s', async (_, claim) => {
      await using home = await openWorkspaceHome(makeEngine)
      await claim(home)
      expect(home.faults()).toBe('')
    })

    test('files that were there before are kept, as edits of the owner', async () => {
      await using home = createWorkspaceHome(makeEngine)
      mkdirSync(join(home.worktree, 'mine'), { recursive: true })
      writeFileSync(join(home.worktree, 'mine/a.md'), 'mine\n')
      symlinkSync('mine', join(home.worktree, 'link'))
      await home.repo.open()
      expect(home.record.list(2)).toMatchObject([{ kind: 'owner', turn: null, files: { length: 2 } }])
      expect(home.faults()).toBe('')
    })
  })
}
