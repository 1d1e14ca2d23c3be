/**
 * The workspace under version control (layer 3): one commit per turn that changed something, and any turn can be taken
 * back. Truth about turns is the record in SQLite; the commits carry trailers that inform, and heal the record after a
 * crash. Nothing here ever deletes what git does not know: what a command changed although a rule forbids it is moved away
 * (set-aside.ts). No clean, no reset, no checkout over changed files.
 *
 * Undo and redo are commits like all others, so every commit is taken back at most once, and the chain of those that take
 * each other back says whether a turn stands. Operations run one after another. The node holds the lease of its home, so
 * no second node works on the same git dir; the owner's own git may, and is waited for.
 */
import type { Clock } from '../../utils/clock.ts'
import { escapeUnsafeCharacters } from '../../utils/escape-unsafe-characters.ts'
import { createLane } from '../../utils/lane.ts'
import { NodeError } from '../../utils/node-error.ts'
import { oneLine } from '../../utils/one-line.ts'
import { foundMessage, ownerMessage, redoMessage, restoreMessage, turnMessage, undoMessage } from './commit-message.ts'
import { createCommits } from './commits.ts'
import type { GitEngine } from './engine.types.ts'
import { stampFile } from './file-stamp.ts'
import { findUndoable } from './find-undoable.ts'
import { openGitDir, requireMain } from './git-dir.ts'
import { removeLeftovers } from './remove-leftovers.ts'
import { requireApplied } from './require-applied.ts'
import type { CommitRecord, WorkspaceCommit, WorkspaceRepo } from './workspace.types.ts'
import { openWorktree } from './worktree.ts'

/** Commits among which one is looked for: also a shell argument of 41 bytes each, of which Linux takes 128 KiB. */
const CANDIDATES_MAX = 1_000

export type WorkspaceOptions = {
  readonly worktree: string
  /** Absolute, and out of reach of every tool. */
  readonly gitDir: string
  readonly engine: GitEngine
  readonly record: CommitRecord
  readonly clock: Clock
  /** Group of the sandbox's uid when that differs from the caller's, otherwise null. */
  readonly sharedGroup: number | null
}

/** The workspace repository over an engine. */
export const createWorkspaceRepo = (options: WorkspaceOptions): WorkspaceRepo => {
  const { worktree, gitDir, engine, record } = options
  const lane = createLane()
  const commits = createCommits(options)
  const takeBack = createTakeBack(options, commits)

  return {
    open: () =>
      lane.run(async () => {
        const isEmpty = await openWorktree(options)
        const isNew = await openGitDir({ ...options, atMs: options.clock.now(), isRecorded: record.list(1).length > 0 })
        await engine.recover()
        await removeLeftovers(options)
        await unlessHindered(async () => {
          if (!isNew) await commits.readMain()
          else if (!isEmpty) await commits.commitOthers(null, ownerMessage)
        })
      }),

    requireMain: async () => void (await requireMain(gitDir)),

    commitTurn: ({ id, intent, reason, review }) =>
      lane.run(() =>
        commits.commitTurn(id, { review, messageOf: (changes) => turnMessage({ id, intent, reason, changes }) }),
      ),

    commitOwnerEdits: () => lane.run(() => commits.commitOthers(null, ownerMessage)),

    commitFound: (turn, review) =>
      lane.run(() => commits.commitOthers(turn, (changes) => foundMessage(turn, changes), review)),

    stampOf: (path) => stampFile(worktree, path),

    undo: (turn) =>
      lane.run(async () => {
        const main = await commits.readMain()
        const { found, lost } = await findUndoable(engine, { candidates: candidatesFor(record, turn), main })
        if (found === null) throw nothingToUndo(turn, lost)
        try {
          return { ...(await takeBack(found, 'undo')), lost }
        } catch (error) {
          throw turn === null ? await namingAnother(error, options, { stuck: found, main }) : error
        }
      }),

    redo: () =>
      lane.run(async () => {
        const main = await commits.readMain()
        const { found, lost } = await findUndoable(engine, { candidates: record.redoable(CANDIDATES_MAX), main })
        if (found === null)
          throw new NodeError('NOTHING_TO_REDO', 'nothing to redo: no undo stands that could be taken back')
        return { ...(await takeBack(found, 'redo')), lost }
      }),

    restore: (path, turn) =>
      lane.run(async () => {
        await commits.readMain()
        const [from] = record.ofTurn(turn)
        if (!from) throw turnUnknown(turn)
        await commits.commitOthers(null, ownerMessage)
        const message = restoreMessage(path, turn)
        const applied = await engine.restore({ path, from: from.sha, main: await requireMain(gitDir), message })
        const what = `the file ${escapeUnsafeCharacters(path)}`
        const { sha, changes, diffStat } = requireApplied(applied, { what, verb: 'restored', sha: from.sha })
        const commit = commits.remember({ sha, message, changes }, { kind: 'restore', turn: null, undoes: null })
        return { commit, diffStat }
      }),

    log: record.list,

    diff: (turn) =>
      lane.run(async () => {
        const chosen = turn === null ? record.list(1) : record.ofTurn(turn)
        return chosen.length === 0 ? '' : engine.diff(chosen.map(({ sha }) => sha).toReversed())
      }),
  }
}

/** Takes one commit back, as another one. */
const createTakeBack =
  ({ gitDir, engine }: WorkspaceOptions, commits: ReturnType<typeof createCommits>) =>
  async (found: WorkspaceCommit, kind: 'undo' | 'redo') => {
    await commits.commitOthers(null, ownerMessage)
    const message = kind === 'undo' ? undoMessage(found) : redoMessage(found)
    const applied = await engine.takeBack({ sha: found.sha, main: await requireMain(gitDir), message })
    const verb = kind === 'undo' ? 'undone' : 'redone'
    const { sha, changes, diffStat } = requireApplied(applied, { what: nameCommit(found), verb, sha: found.sha })
    const made = { sha, message, changes }
    return { undone: found, commit: commits.remember(made, { kind, turn: found.turn, undoes: found.sha }), diffStat }
  }

/** What an undo may take back. @throws {NodeError} TURN_UNKNOWN, or NOTHING_TO_UNDO for a turn that is undone. */
const candidatesFor = (record: CommitRecord, turn: string | null): readonly WorkspaceCommit[] => {
  if (turn === null) return record.undoable(CANDIDATES_MAX)
  if (record.ofTurn(turn).length === 0) throw turnUnknown(turn)
  const candidates = record.undoable(CANDIDATES_MAX, turn)
  if (candidates.length > 0) return candidates
  throw new NodeError('NOTHING_TO_UNDO', `the turn ${turn} is undone already`, {
    hint: "'redo' takes the newest undo back",
  })
}

/** A plain undo that meets a conflict would meet it each time: the next turn that it could take back is named. */
const namingAnother = async (
  error: unknown,
  { record, engine }: WorkspaceOptions,
  { stuck, main }: { readonly stuck: WorkspaceCommit; readonly main: string },
): Promise<unknown> => {
  if (!(error instanceof NodeError) || error.code !== 'WORKSPACE_CONFLICT') return error
  const all = record.undoable(CANDIDATES_MAX)
  const older = all.slice(all.findIndex(({ sha }) => sha === stuck.sha) + 1)
  const candidates = older.filter(({ turn }) => turn !== null && turn !== stuck.turn)
  const { found } = await findUndoable(engine, { candidates, main })
  if (found === null) return error
  return new NodeError(error.code, error.message, {
    hint: `${error.hint}; or take back the turn before it: undo ${found.turn} (${oneLine(found.subject)})`,
    cause: error,
  })
}

const turnUnknown = (turn: string): NodeError =>
  new NodeError('TURN_UNKNOWN', `no turn ${JSON.stringify(turn)} changed the workspace`, {
    hint: "'log' shows the turns that did",
  })

const nameCommit = ({ turn, subject }: WorkspaceCommit): string =>
  turn === null
    ? `the change "${escapeUnsafeCharacters(subject)}"`
    : `the turn ${turn} (${escapeUnsafeCharacters(subject)})`

const nothingToUndo = (turn: string | null, lost: readonly WorkspaceCommit[]): NodeError => {
  if (lost.length === 0)
    return new NodeError('NOTHING_TO_UNDO', 'nothing to undo: no turn changed the workspace, or all are undone')
  const message =
    turn === null
      ? 'nothing to undo: the history of main no longer holds any turn that is not undone'
      : `the turn ${turn} cannot be undone: the history of main no longer holds it`
  return new NodeError('NOTHING_TO_UNDO', message, {
    hint: `the newest was ${lost[0]?.sha ?? 'unknown'}; git log in the workspace shows what main holds`,
  })
}

/** A node without a sandbox, or beside work of the owner on another branch, must start, to say so: it reads, and refuses to write. */
const unlessHindered = async (task: () => Promise<void>): Promise<void> => {
  try {
    await task()
  } catch (error) {
    const isExpected = error instanceof NodeError && ['SANDBOX_UNAVAILABLE', 'WORKSPACE_UNUSABLE'].includes(error.code)
    if (!isExpected) throw error
  }
}
