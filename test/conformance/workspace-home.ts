/** A home with a workspace in the real sandbox, for claims that every engine must meet. */
import { chmodSync, existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCommitRecord } from '../../src/agent/commit-record.ts'
import { openState } from '../../src/agent/persistence.ts'
import { createSandboxLanes } from '../../src/agent/sandbox/sandbox.ts'
import type { RunConfined } from '../../src/agent/sandbox/sandbox.types.ts'
import { permit, TEST_USER } from '../../src/agent/sandbox/tests/sandbox-fixture.ts'
import type { GitEngine } from '../../src/agent/workspace/engine.types.ts'
import { gitOutside } from '../../src/agent/workspace/tests/workspace-fixture.ts'
import type { CommitRecord, WorkspaceRepo } from '../../src/agent/workspace/workspace.types.ts'
import { createWorkspaceRepo } from '../../src/agent/workspace/workspace-repo.ts'
import type { Clock } from '../../src/utils/clock.ts'

export type EnginePlace = {
  readonly worktree: string
  readonly gitDir: string
  readonly runtimeDir: string
  readonly run: RunConfined
  readonly clock: Clock
  readonly sharedGroup: number | null
}

export type MakeEngine = (place: EnginePlace) => GitEngine

export type WorkspaceHome = {
  readonly root: string
  readonly worktree: string
  readonly gitDir: string
  readonly record: CommitRecord
  readonly run: RunConfined
  readonly repo: WorkspaceRepo
  /** As after a restart: the same files and record, nothing in memory. */
  readonly reopen: (changes?: {
    readonly engine?: MakeEngine
    readonly run?: RunConfined
    readonly record?: CommitRecord
  }) => WorkspaceRepo
  /** A command of the agent in the workspace. */
  readonly bash: (command: string) => Promise<string>
  /** Makes one turn out of what has changed. */
  readonly turn: (id: string) => ReturnType<WorkspaceRepo['commitTurn']>
  readonly read: (path: string) => string
  readonly has: (path: string) => boolean
  /** Every file of the worktree as text of its bytes: mode as git knows it, and content. */
  readonly tree: () => ReadonlyMap<string, string>
  /** Git as the owner runs it, in the workspace, without any of our settings. The oracle of these tests. */
  readonly ownerGit: (...args: string[]) => string
  /** What every claim may ask at its end: nothing is pending and the repository is sound. */
  readonly faults: () => string
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** What every engine must do, by what it says; each gets an opened workspace of its own. */
export type Claims = Readonly<Record<string, (home: WorkspaceHome) => Promise<void>>>

/** The record, newest first. */
export const turnsOf = ({ record }: WorkspaceHome): readonly string[] =>
  record.list(100).map(({ kind, turn }) => `${kind} ${turn}`)

const clock: Clock = { now: () => 1_800_000_000_000 }
const BASH_TIMEOUT_MS = 20_000

export const REASON = { intent: 'do it', reason: 'the owner asked', review: () => Promise.resolve(new Set<string>()) }

/** A workspace that is not opened yet, in a temporary folder. */
export const createWorkspaceHome = (makeEngine: MakeEngine): WorkspaceHome => {
  const root = mkdtempSync(join(tmpdir(), 'plaited-conformance-'))
  chmodSync(root, 0o711)
  const worktree = join(root, 'workspace')
  const gitDir = join(root, 'data/git/workspace.git')
  const runtimeDir = join(root, 'runtime')
  const lanes = createSandboxLanes({ workspace: worktree, gitDir, runtimeDir, dropTo: TEST_USER })
  const state = openState(join(root, 'state.sqlite'))
  const record = createCommitRecord(state)
  const sharedGroup = TEST_USER?.gid ?? null
  const reopen: WorkspaceHome['reopen'] = (changes) => {
    const run = changes?.run ?? lanes.runConfined
    const engine = (changes?.engine ?? makeEngine)({ worktree, gitDir, runtimeDir, run, clock, sharedGroup })
    return createWorkspaceRepo({ worktree, gitDir, clock, sharedGroup, record: changes?.record ?? record, engine })
  }
  const repo = reopen()
  const ownerGit = (...args: string[]) => gitOutside(worktree, args)
  return {
    ...{ root, worktree, gitDir, record, repo, reopen, ownerGit },
    run: lanes.runConfined,
    bash: async (command) => {
      const { signal } = new AbortController()
      const outcome = await lanes.sandbox.run(permit({ kind: 'bash', command, timeoutMs: BASH_TIMEOUT_MS }), { signal })
      if (outcome.kind !== 'process' || outcome.exitCode !== 0) throw new Error(`${command}: ${describe(outcome)}`)
      return Buffer.from(outcome.stdout).toString().trim()
    },
    turn: (id) => repo.commitTurn({ id, ...REASON }),
    read: (path) => readFileSync(join(worktree, path), 'utf8'),
    has: (path) => existsSync(join(worktree, path)),
    tree: () => readTree(Buffer.from(worktree)),
    faults: () => ownerGit('status', '--porcelain') + ownerGit('fsck', '--strict', '--no-dangling', '--full'),
    [Symbol.asyncDispose]: async () => {
      await lanes.close()
      state.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

export const openWorkspaceHome = async (makeEngine: MakeEngine): Promise<WorkspaceHome> => {
  const home = createWorkspaceHome(makeEngine)
  await home.repo.open()
  return home
}

const describe = (outcome: object): string =>
  'stderr' in outcome && outcome.stderr instanceof Uint8Array
    ? Buffer.from(outcome.stderr).toString()
    : JSON.stringify(outcome)

/** What a killed undo may leave: excluded from commits, and named in replies. */
const STAGED = /^\.plaited-[0-9a-f-]{36}$/

const readTree = (folder: Buffer, below = ''): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  for (const name of readdirSync(folder, { encoding: 'buffer' })) {
    const place = Buffer.concat([folder, Buffer.from('/'), name])
    const path = `${below}${name.toString('latin1')}`
    const status = lstatSync(place)
    if (path === '.git' || STAGED.test(path)) continue
    if (status.isDirectory()) for (const [inner, text] of readTree(place, `${path}/`)) found.set(inner, text)
    if (status.isSymbolicLink())
      found.set(path, `link ${readlinkSync(place, { encoding: 'buffer' }).toString('latin1')}`)
    if (status.isFile()) {
      const kind = Number(status.mode) & 0o100 ? 'program' : 'file'
      found.set(path, `${kind} ${readFileSync(place).toString('latin1')}`)
    }
  }
  return found
}
