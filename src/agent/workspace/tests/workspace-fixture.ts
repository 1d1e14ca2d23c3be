import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Clock } from '../../../utils/clock.ts'
import { NodeError } from '../../../utils/node-error.ts'
import type { RunConfined } from '../../sandbox/sandbox.types.ts'
import { GIT_DIR_INSIDE, WORKTREE_INSIDE } from '../git-environment.ts'
import { createSystemGit } from '../system-git.ts'
import type { CommitRecord, WorkspaceCommit, WorkspaceRepo } from '../workspace.types.ts'
import { createWorkspaceRepo } from '../workspace-repo.ts'

/** Runs the same program with the same input as the sandbox would, but in the open: paths inside become those outside. */
export const createOpenRun =
  ({ worktree, gitDir }: { readonly worktree: string; readonly gitDir: string }): RunConfined =>
  async ({ argv, environment, stdin, cwd }) => {
    const outside = (path: string) => (path === WORKTREE_INSIDE ? worktree : path === GIT_DIR_INSIDE ? gitDir : path)
    const child = Bun.spawn([...argv], {
      cwd: outside(cwd),
      env: Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, outside(value)])),
      stdin: new Blob([stdin ?? '']),
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [exitCode, stdout, stderr] = await Promise.all([child.exited, child.stdout.bytes(), child.stderr.bytes()])
    return { exitCode, stdout, stderr }
  }

/** Runs every script with a `git` that ends the whole script, as kill -9 would, where `at` matches its arguments. */
export const createDyingRun =
  (fixture: Fixture, at: RegExp, when: 'before' | 'after'): RunConfined =>
  async (request) => {
    const folder = join(fixture.root, 'dying')
    const die = 'touch "$GIT_DIR/index.lock"; kill -9 $PPID; exit 1'
    const git = '/usr/bin/git "$@"'
    mkdirSync(folder, { recursive: true })
    writeFileSync(
      join(folder, 'git'),
      `#!/bin/sh\nif printf %s "$*" | grep -Eq '${at.source}'; then ${when === 'after' ? `${git}; ` : ''}${die}; fi\nexec ${git}\n`,
      { mode: 0o755 },
    )
    const PATH = `${folder}:${request.environment['PATH']}`
    const result = await fixture.run({ ...request, environment: { ...request.environment, PATH } })
    if (result.exitCode === 137) throw new NodeError('SANDBOX_FAILED', 'the sandbox was killed')
    return result
  }

type Row = WorkspaceCommit & { readonly undoes: string | null }

/** The record as SQLite keeps it, in memory. */
export const createMemoryRecord = (): CommitRecord & { readonly rows: Row[] } => {
  const rows: Row[] = []
  const undoneBy = (sha: string) => rows.find(({ undoes }) => undoes === sha)?.sha ?? null
  return {
    rows,
    add: (row) => void rows.push(row),
    undoable: (limit, turn) =>
      rows
        .toReversed()
        .filter(({ kind, sha }) => ['turn', 'redo', 'restore'].includes(kind) && undoneBy(sha) === null)
        .filter((row) => turn === undefined || row.turn === turn)
        .slice(0, limit),
    redoable: (limit) =>
      rows
        .toReversed()
        .filter(({ kind, sha }) => kind === 'undo' && undoneBy(sha) === null)
        .slice(0, limit),
    ofTurn: (turn) =>
      rows
        .toReversed()
        .filter((row) => row.kind === 'turn' && row.turn === turn)
        .map((row) => ({ ...row, undoneBy: undoneBy(row.sha) })),
    list: (limit) =>
      rows
        .toReversed()
        .slice(0, limit)
        .map((row) => ({ ...row, undoneBy: undoneBy(row.sha) })),
  }
}

export type Fixture = {
  readonly root: string
  readonly worktree: string
  readonly gitDir: string
  readonly record: ReturnType<typeof createMemoryRecord>
  readonly run: RunConfined
  readonly repo: WorkspaceRepo
  /** As after a restart: the same files and record, nothing in memory. */
  readonly reopen: (changes?: { readonly run?: RunConfined; readonly record?: CommitRecord }) => WorkspaceRepo
  readonly write: (path: string, text: string) => Promise<void>
  readonly read: (path: string) => Promise<string>
  /** Makes one turn out of what has changed. */
  readonly turn: (id: string, intent?: string) => ReturnType<WorkspaceRepo['commitTurn']>
  /** What every test may ask at its end: nothing is pending and the repository is sound. */
  readonly faults: () => string
  /** Git as the owner runs it, in the workspace, without any of our settings. */
  readonly ownerGit: (...args: string[]) => string
  readonly [Symbol.dispose]: () => void
}

/** A review that refuses nothing. */
export const permitAll = async (): Promise<ReadonlySet<string>> => new Set()

const clock: Clock = { now: () => 1_800_000_000_000 }

/** An unopened workspace in a temporary folder. */
export const createFixture = (
  runOf: (paths: { readonly worktree: string; readonly gitDir: string }) => RunConfined = createOpenRun,
  sharedGroup: number | null = null,
): Fixture => {
  const root = mkdtempSync(join(tmpdir(), 'plaited-workspace-'))
  const worktree = join(root, 'workspace')
  const gitDir = join(root, 'data/git/workspace.git')
  const record = createMemoryRecord()
  const run = runOf({ worktree, gitDir })
  const reopen: Fixture['reopen'] = (changes) =>
    createWorkspaceRepo({
      ...{ worktree, gitDir, clock, sharedGroup },
      record: changes?.record ?? record,
      engine: createSystemGit({ worktree, gitDir, run: changes?.run ?? run, clock, sharedGroup }),
    })
  const repo = reopen()
  return {
    root,
    worktree,
    gitDir,
    record,
    run,
    repo,
    reopen,
    write: async (path, text) => {
      await mkdir(dirname(join(worktree, path)), { recursive: true })
      writeFileSync(join(worktree, path), text)
    },
    read: (path) => Bun.file(join(worktree, path)).text(),
    turn: (id, intent = 'do it') => repo.commitTurn({ id, intent, reason: 'the owner asked', review: permitAll }),
    faults: () =>
      gitOutside(worktree, ['status', '--porcelain']) +
      gitOutside(worktree, ['fsck', '--strict', '--no-dangling', '--full']),
    ownerGit: (...args) => gitOutside(worktree, args),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
}

export const createOpenedFixture = async (): Promise<Fixture> => {
  const fixture = createFixture()
  await fixture.repo.open()
  return fixture
}

/** Git as the owner runs it, on no terms of ours. */
export const gitOutside = (folder: string, args: readonly string[]): string => {
  const env = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_AUTHOR_NAME: 'someone',
    GIT_AUTHOR_EMAIL: 'someone@example.org',
    GIT_COMMITTER_NAME: 'someone',
    GIT_COMMITTER_EMAIL: 'someone@example.org',
  }
  const { exitCode, stdout, stderr } = Bun.spawnSync(['git', '-C', folder, ...args], { env, stdin: null })
  if (exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${stderr.toString()}`)
  return stdout.toString().trim()
}
