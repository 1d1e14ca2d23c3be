/** One commit that the node made in the workspace. */
export type WorkspaceCommit = {
  readonly sha: string
  /**
   * `undo` takes back a `turn`, a `restore` or a `redo`; `redo` takes back an `undo`; `restore` brings one file back to an
   * earlier state.
   */
  readonly kind: 'turn' | 'owner' | 'undo' | 'redo' | 'restore'
  /**
   * The turn it belongs to; for `undo` and `redo` the turn that was undone; for `owner` null, or the interrupted turn after
   * whose restart it was found; for `restore`, and what takes it back, null.
   */
  readonly turn: string | null
  readonly subject: string
  /** Paths relative to the workspace, with what happened to each; the first 1,000. */
  readonly files: readonly { readonly path: string; readonly change: 'added' | 'modified' | 'deleted' }[]
  /** Milliseconds since the Unix epoch. */
  readonly at: number
}

/** `undoneBy` is the sha of the undo commit; of an undo, that of the redo. */
export type RecordedCommit = WorkspaceCommit & { readonly undoneBy: string | null }

/** Where the node remembers its commits (SQLite): the truth about turns; trailers in the commits only inform. */
export type CommitRecord = {
  readonly add: (commit: WorkspaceCommit & { readonly undoes: string | null }) => void
  /** Commits of kind `turn`, `redo` and `restore` that no commit takes back, newest first; `turn`: only those of it. */
  readonly undoable: (limit: number, turn?: string) => readonly WorkspaceCommit[]
  /** Commits of kind `undo` that no commit takes back, newest first. */
  readonly redoable: (limit: number) => readonly WorkspaceCommit[]
  /** Newest first. */
  readonly list: (limit: number) => readonly RecordedCommit[]
  /** The turn's commits of kind `turn`, newest first. */
  readonly ofTurn: (turn: string) => readonly RecordedCommit[]
}

/** A file that differs from the last commit. */
export type PendingChange = WorkspaceCommit['files'][number] & {
  /** Size as it is now; 0 when it is gone. */
  readonly bytes: number
  /** Someone may run it. */
  readonly executable: boolean
  /** No commit holds it: it is new, or has changed since the turn began, and cannot be brought back. */
  readonly ignored: boolean
}

/** What a command of the agent changed although it must not. */
export type PutBack = {
  /** They are again as the last commit has them, or moved away when it has none. */
  readonly paths: readonly string[]
  /** Files that were there before and that no commit holds, and what could not be moved: left as it is. */
  readonly kept: readonly string[]
  /** Folder of the workspace with what stood at `paths`; null when nothing did. */
  readonly aside: string | null
  /** Such folders of earlier turns that were removed for it. */
  readonly expired: readonly string[]
}

export type UndoResult = {
  /** What was taken back: by an undo a turn (or its redo, or a restore), by a redo an undo. */
  readonly undone: WorkspaceCommit
  readonly commit: WorkspaceCommit
  readonly diffStat: string
  /** Newer ones that were passed over, because the owner has removed them from the history of main. */
  readonly lost: readonly WorkspaceCommit[]
}

/**
 * The git-backed workspace (layer 3). Contract: rejects with `NodeError` GIT_MISSING, GIT_FAILED, WORKSPACE_UNUSABLE,
 * WORKSPACE_CONFLICT (paths in the hint; nothing was touched), NOTHING_TO_UNDO, or with those of `RunConfined`.
 *
 * A commit keeps of a file its bytes and whether it may be run. Other permission bits, owners, times, empty folders and
 * what is no file or link (a FIFO) are not kept, so no undo brings them back.
 */
export type WorkspaceRepo = {
  /**
   * Creates what is missing (worktree, git dir, first empty commit) and brings the record up to date; safe to call at
   * every start. Without a sandbox, or away from main, the record is left as it is: the next operation that needs it
   * catches up, or rejects.
   */
  readonly open: () => Promise<void>
  /**
   * Whatever changes the workspace asks this first. Runs no git.
   * @throws {NodeError} WORKSPACE_UNUSABLE, with the branch's name, while the owner's git is not on main.
   */
  readonly requireMain: () => Promise<void>
  /**
   * Commits what changed since the last commit as the turn's; no commit when nothing changed. `leftOut` names files of the
   * workspace that no commit holds (ignored, unreadable, too large, or of a name that git refuses): no undo brings them
   * back. `review` is asked before, about all that has changed since `commitOwnerEdits` or `commitFound`, and names the
   * paths that must not stay.
   */
  readonly commitTurn: (turn: {
    readonly id: string
    readonly intent: string
    readonly reason: string
    readonly review: (changes: readonly PendingChange[]) => Promise<ReadonlySet<string>>
  }) => Promise<{
    readonly commit: WorkspaceCommit | null
    readonly leftOut: readonly string[]
    readonly putBack: PutBack
  }>
  /**
   * Commits edits that someone else made, so that a turn's commit holds only the turn's; null when there are none. Costs
   * one look at the worktree when nothing has changed.
   */
  readonly commitOwnerEdits: () => Promise<WorkspaceCommit | null>
  /**
   * Commits what is uncommitted when an interrupted turn goes on, apart from the turn: what the owner did while the node
   * was down cannot be told from what the turn did, and no undo may take it back. null when there is nothing. `review` sees
   * it before it is committed, ignored files apart, and the folders with what the turn had moved away (`PutBack.aside`).
   */
  readonly commitFound: (
    turn: string,
    review: (changes: readonly PendingChange[], setAside: readonly string[]) => void,
  ) => Promise<WorkspaceCommit | null>
  /** What tells whether a file was touched since, although its content may be the same; null when there is none. */
  readonly stampOf: (path: string) => Promise<string | null>
  /**
   * Takes back the newest turn, redo or restore that is not undone yet, as a new commit; with `turn` that turn, whatever
   * came after it, when that applies cleanly.
   * @throws {NodeError} also TURN_UNKNOWN.
   */
  readonly undo: (turn: string | null) => Promise<UndoResult>
  /** Takes back the newest undo that is not redone yet. @throws {NodeError} also NOTHING_TO_REDO. */
  readonly redo: () => Promise<UndoResult>
  /**
   * Brings one file (relative to the workspace) back to what it was after that turn, as a commit that undo takes back.
   * @throws {NodeError} also TURN_UNKNOWN, FILE_UNKNOWN, NOTHING_TO_RESTORE.
   */
  readonly restore: (
    path: string,
    turn: string,
  ) => Promise<{ readonly commit: WorkspaceCommit; readonly diffStat: string }>
  readonly log: (limit: number) => readonly RecordedCommit[]
  /**
   * Unified diff of one turn's commit, or of the newest commit when null; empty when there is none. Raw file content, cut
   * with a note beyond a limit.
   */
  readonly diff: (turn: string | null) => Promise<string>
}
