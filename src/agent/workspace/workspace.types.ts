/** One commit that the node made in the workspace. */
export type WorkspaceCommit = {
  readonly sha: string
  readonly kind: 'turn' | 'owner' | 'undo'
  /**
   * The turn it belongs to; for `undo` the turn that was undone; for `owner` null, or the interrupted turn after whose
   * restart it was found.
   */
  readonly turn: string | null
  readonly subject: string
  /** Paths relative to the workspace, with what happened to each; the first 1,000. */
  readonly files: readonly { readonly path: string; readonly change: 'added' | 'modified' | 'deleted' }[]
  /** Milliseconds since the Unix epoch. */
  readonly at: number
}

/** Where the node remembers its commits (SQLite): the truth about turns; trailers in the commits only inform. */
export type CommitRecord = {
  readonly add: (commit: WorkspaceCommit & { readonly undoes: string | null }) => void
  /** Turn commits that no undo commit names, newest first. */
  readonly undoable: (limit: number) => readonly WorkspaceCommit[]
  /** Newest first. `undoneBy` is the sha of the undo commit. */
  readonly list: (limit: number) => readonly (WorkspaceCommit & { readonly undoneBy: string | null })[]
}

/**
 * The git-backed workspace (layer 3). Contract: rejects with `NodeError` GIT_MISSING, GIT_FAILED, WORKSPACE_UNUSABLE,
 * WORKSPACE_CONFLICT (paths in the hint; nothing was touched), NOTHING_TO_UNDO, or with those of `RunConfined`.
 */
export type WorkspaceRepo = {
  /**
   * Creates what is missing (worktree, git dir, first empty commit) and brings the record up to date; safe to call at
   * every start. Without a sandbox the record is left as it is: the next operation that needs git catches up, or rejects.
   */
  readonly open: () => Promise<void>
  /**
   * Commits what changed since the last commit as the turn's; no commit when nothing changed. `leftOut` names files of the
   * workspace that no commit holds (ignored, unreadable, or of a name that git refuses): no undo brings them back.
   */
  readonly commitTurn: (turn: {
    readonly id: string
    readonly intent: string
    readonly reason: string
  }) => Promise<{ readonly commit: WorkspaceCommit | null; readonly leftOut: readonly string[] }>
  /** Commits edits that someone else made, so that a turn's commit holds only the turn's; null when there are none. */
  readonly commitOwnerEdits: () => Promise<WorkspaceCommit | null>
  /**
   * Commits what is uncommitted when an interrupted turn goes on, apart from the turn: what the owner did while the node
   * was down cannot be told from what the turn did, and no undo may take it back. null when there is nothing.
   */
  readonly commitFound: (turn: string) => Promise<WorkspaceCommit | null>
  /**
   * Reverts the newest turn that is not undone yet, as a new commit. `lost` are newer ones that were passed over, because
   * the owner has removed them from the history of main.
   */
  readonly undo: () => Promise<{
    readonly undone: WorkspaceCommit
    readonly commit: WorkspaceCommit
    readonly diffStat: string
    readonly lost: readonly WorkspaceCommit[]
  }>
  readonly log: (limit: number) => readonly (WorkspaceCommit & { readonly undoneBy: string | null })[]
  /**
   * Unified diff of one turn's commit, or of the newest commit when null; empty when there is none. Raw file content, cut
   * with a note beyond a limit.
   */
  readonly diff: (turn: string | null) => Promise<string>
}
