/**
 * The workspace under version control (layer 3): one commit per turn that changed something, and any turn can be taken
 * back. Truth about turns is the record in SQLite; the commits carry trailers that inform, and heal the record after a
 * crash. Nothing here ever deletes what git does not know: no clean, no reset, no checkout over changed files.
 *
 * Operations run one after another. The node holds the lease of its home, so no second node works on the same git dir;
 * the owner's own git may, and is waited for.
 */
import type { Clock } from '../../utils/clock.ts'
import { NodeError } from '../../utils/node-error.ts'
import type { RunConfined } from '../sandbox/sandbox.types.ts'
import { catchUp } from './catch-up.ts'
import { type Change, filesOf } from './change-list.ts'
import { ownerMessage, subjectLine, turnMessage } from './commit-message.ts'
import { commitWorktree } from './commit-worktree.ts'
import { readDiff } from './diff.ts'
import { openGitDir, requireMain } from './git-dir.ts'
import { AGENT, OWNER } from './git-environment.ts'
import { createGitRunner, removeStaleLocks } from './git-runner.ts'
import { revertCommit } from './undo.ts'
import type { CommitRecord, WorkspaceCommit, WorkspaceRepo } from './workspace.types.ts'
import { openWorktree } from './worktree.ts'

/** Turns among which `diff` looks for one. */
const DIFF_SEARCH_COMMITS_MAX = 10_000

/**
 * The workspace repository over system git. `gitDir` must be absolute and out of reach of every tool; `sharedGroup` is the
 * group of the sandbox's uid when that differs from the caller's, otherwise null.
 */
export const createWorkspaceRepo = (options: {
  readonly worktree: string
  readonly gitDir: string
  readonly run: RunConfined
  readonly record: CommitRecord
  readonly clock: Clock
  readonly sharedGroup: number | null
}): WorkspaceRepo => {
  const { gitDir, record, clock } = options
  const git = createGitRunner(options)
  const inTurn = createQueue()

  /** main, with the record in step. */
  const readMain = async (): Promise<string> => {
    const main = await requireMain(gitDir)
    await catchUp(git, record, main)
    return main
  }

  const commitChanges = async (commit: {
    readonly kind: 'turn' | 'owner'
    readonly turn: string | null
    readonly messageOf: (changes: readonly Change[]) => string
  }) => {
    const main = await readMain()
    const made = await commitWorktree(git, {
      main,
      storedLinks: record.list(1)[0]?.sha !== main,
      author: commit.kind === 'turn' ? AGENT : OWNER,
      messageOf: commit.messageOf,
    })
    if (made === null) return null
    const { sha, message, changes, leftOut } = made
    const { kind, turn } = commit
    const subject = subjectLine(message)
    return { ...remember({ sha, kind, turn, subject, files: filesOf(changes), at: clock.now() }, null), leftOut }
  }

  const remember = (commit: WorkspaceCommit, undoes: string | null): WorkspaceCommit => {
    record.add({ ...commit, undoes })
    return commit
  }

  const commitOwnerEdits = () => commitChanges({ kind: 'owner', turn: null, messageOf: ownerMessage })

  return {
    open: () =>
      inTurn(async () => {
        const isEmpty = await openWorktree(options)
        const isNew = await openGitDir({ ...options, atMs: clock.now() })
        await removeStaleLocks(gitDir)
        if (!isNew) await readMain()
        else if (!isEmpty) await commitOwnerEdits()
      }),

    commitTurn: ({ id, intent, reason }) =>
      inTurn(async () => {
        const messageOf = (changes: readonly Change[]) => turnMessage({ id, intent, reason, changes })
        return commitChanges({ kind: 'turn', turn: id, messageOf })
      }),

    commitOwnerEdits: () => inTurn(commitOwnerEdits),

    undo: () =>
      inTurn(async () => {
        await readMain()
        const undone = record.newestUndoable()
        if (undone === null)
          throw new NodeError('NOTHING_TO_UNDO', 'nothing to undo: no turn changed the workspace, or all are undone')
        await commitOwnerEdits()
        const { sha, changes, diffStat, subject } = await revertCommit(git, undone, await requireMain(gitDir))
        const { turn } = undone
        const commit = { sha, kind: 'undo', turn, subject, files: filesOf(changes), at: clock.now() } as const
        return { undone, commit: remember(commit, undone.sha), diffStat }
      }),

    log: record.list,

    diff: (turn) =>
      inTurn(async () => {
        const commits = record.list(turn === null ? 1 : DIFF_SEARCH_COMMITS_MAX)
        const chosen =
          turn === null ? commits : commits.filter((commit) => commit.kind === 'turn' && commit.turn === turn)
        return chosen.length === 0 ? '' : readDiff(git, chosen.map(({ sha }) => sha).toReversed())
      }),
  }
}

/** Runs tasks one after another; a failed one does not hold up the next. */
const createQueue = () => {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(task: () => Promise<T>): Promise<T> => {
    const result = last.then(task, task)
    last = result
    return result
  }
}
