/**
 * The workspace under version control (layer 3): one commit per turn that changed something, and any turn can be taken
 * back. Truth about turns is the record in SQLite; the commits carry trailers that inform, and heal the record after a
 * crash. Nothing here ever deletes what git does not know: no clean, no reset, no checkout over changed files.
 *
 * Operations run one after another. The node holds the lease of its home, so no second node works on the same git dir;
 * the owner's own git may, and is waited for.
 */
import type { Clock } from '../../utils/clock.ts'
import { createLane } from '../../utils/lane.ts'
import { NodeError } from '../../utils/node-error.ts'
import type { RunConfined } from '../sandbox/sandbox.types.ts'
import { catchUp } from './catch-up.ts'
import { type Change, filesOf } from './change-list.ts'
import { foundMessage, ownerMessage, subjectLine, turnMessage } from './commit-message.ts'
import { commitWorktree } from './commit-worktree.ts'
import { readDiff } from './diff.ts'
import { findUndoable } from './find-undoable.ts'
import { openGitDir, requireMain } from './git-dir.ts'
import { AGENT, OWNER } from './git-environment.ts'
import { createGitRunner, type RunGit, removeOwnLocks } from './git-runner.ts'
import { revertCommit } from './undo.ts'
import type { CommitRecord, WorkspaceCommit, WorkspaceRepo } from './workspace.types.ts'
import { openWorktree } from './worktree.ts'

/** Turns among which `diff` looks for one. */
const DIFF_SEARCH_COMMITS_MAX = 10_000

type WorkspaceOptions = {
  readonly worktree: string
  /** Absolute, and out of reach of every tool. */
  readonly gitDir: string
  readonly run: RunConfined
  readonly record: CommitRecord
  readonly clock: Clock
  /** Group of the sandbox's uid when that differs from the caller's, otherwise null. */
  readonly sharedGroup: number | null
}

/** The workspace repository over system git. */
export const createWorkspaceRepo = (options: WorkspaceOptions): WorkspaceRepo => {
  const { gitDir, record, clock } = options
  const git = createGitRunner(options)
  const lane = createLane()
  const { readMain, commitChanges, remember } = createCommits(options, git)
  const commitOwnerEdits = async () =>
    (await commitChanges({ kind: 'owner', turn: null, messageOf: ownerMessage })).commit

  return {
    open: () =>
      lane.run(async () => {
        const isEmpty = await openWorktree(options)
        const isNew = await openGitDir({ ...options, atMs: clock.now(), isRecorded: record.list(1).length > 0 })
        await removeOwnLocks(gitDir)
        await unlessUnconfined(async () => {
          if (!isNew) await readMain()
          else if (!isEmpty) await commitOwnerEdits()
        })
      }),

    commitTurn: ({ id, intent, reason }) =>
      lane.run(async () => {
        const messageOf = (changes: readonly Change[]) => turnMessage({ id, intent, reason, changes })
        return commitChanges({ kind: 'turn', turn: id, messageOf })
      }),

    commitOwnerEdits: () => lane.run(commitOwnerEdits),

    commitFound: (turn) =>
      lane.run(async () => {
        const messageOf = (changes: readonly Change[]) => foundMessage(turn, changes)
        return (await commitChanges({ kind: 'owner', turn, messageOf })).commit
      }),

    undo: () =>
      lane.run(async () => {
        const { undone, lost } = await findUndoable(git, record, await readMain())
        if (undone === null) throw nothingToUndo(lost)
        await commitOwnerEdits()
        const { sha, changes, diffStat, subject } = await revertCommit(git, undone, await requireMain(gitDir))
        const { turn } = undone
        const commit = { sha, kind: 'undo', turn, subject, files: filesOf(changes), at: clock.now() } as const
        return { undone, commit: remember(commit, undone.sha), diffStat, lost }
      }),

    log: record.list,

    diff: (turn) =>
      lane.run(async () => {
        const commits = record.list(turn === null ? 1 : DIFF_SEARCH_COMMITS_MAX)
        const chosen =
          turn === null ? commits : commits.filter((commit) => commit.kind === 'turn' && commit.turn === turn)
        return chosen.length === 0 ? '' : readDiff(git, chosen.map(({ sha }) => sha).toReversed())
      }),
  }
}

/** Commits together with their record. */
const createCommits = ({ gitDir, record, clock }: WorkspaceOptions, git: RunGit) => {
  /** main, with the record in step. */
  const readMain = async (): Promise<string> => {
    const main = await requireMain(gitDir)
    await catchUp({ git, gitDir, record }, main)
    return main
  }

  const commitChanges = async (commit: {
    readonly kind: 'turn' | 'owner'
    readonly turn: string | null
    readonly messageOf: (changes: readonly Change[]) => string
  }) => {
    const main = await readMain()
    const { commit: made, leftOut } = await commitWorktree(git, {
      main,
      storedLinks: record.list(1)[0]?.sha !== main,
      author: commit.kind === 'turn' ? AGENT : OWNER,
      messageOf: commit.messageOf,
    })
    if (made === null) return { commit: null, leftOut }
    const { sha, message, changes } = made
    const { kind, turn } = commit
    const subject = subjectLine(message)
    return { commit: remember({ sha, kind, turn, subject, files: filesOf(changes), at: clock.now() }, null), leftOut }
  }

  const remember = (commit: WorkspaceCommit, undoes: string | null): WorkspaceCommit => {
    record.add({ ...commit, undoes })
    return commit
  }

  return { readMain, commitChanges, remember }
}

const nothingToUndo = (lost: readonly WorkspaceCommit[]): NodeError =>
  lost.length === 0
    ? new NodeError('NOTHING_TO_UNDO', 'nothing to undo: no turn changed the workspace, or all are undone')
    : new NodeError(
        'NOTHING_TO_UNDO',
        'nothing to undo: the history of main no longer holds any turn that is not undone',
        {
          hint: `the newest was ${lost[0]?.sha ?? 'unknown'}; git log in the workspace shows what main holds`,
        },
      )

/** A node without a sandbox must start, to say so; what is left undone here is done, or reported, by whoever needs it. */
const unlessUnconfined = async (task: () => Promise<void>): Promise<void> => {
  try {
    await task()
  } catch (error) {
    if (!(error instanceof NodeError && error.code === 'SANDBOX_UNAVAILABLE')) throw error
  }
}
