import type { Change } from './change-list.ts'
import type { Identity } from './git-environment.ts'
import type { SetAside } from './set-aside.ts'
import type { Survey } from './survey-worktree.ts'
import type { PendingChange } from './workspace.types.ts'

/** A commit as an engine reads it from the history, for catching up. */
export type StoredCommit = {
  readonly sha: string
  readonly authorEmail: string
  readonly committerEmail: string
  /** The committer's. Milliseconds since the Unix epoch. */
  readonly at: number
  readonly message: string
}

export type WorktreeCommit = {
  readonly sha: string
  readonly message: string
  readonly changes: readonly Change[]
}

/** A change with the bytes of its path, as latin1 text. */
export type SeenChange = PendingChange & { readonly raw: string }

/** How the files and folders were that a put-back makes again or leaves empty. */
export type PutBackRequest = {
  /** Names what is moved away for it. */
  readonly turn: string
  /** A file is restored with what git gives it (0644, or 0755) within this. */
  readonly modeOf: (path: string) => number
  readonly keepsFolder: (path: string) => boolean
}

/** What is to be done: paths are latin1 text of their bytes, `mode` bounds what a file is restored with. */
export type PutBackPlan = {
  readonly files: readonly { readonly path: string; readonly mode: number }[]
  /** Folders that go when nothing is left in them, deepest first. */
  readonly empties: readonly string[]
}

/** What the worktree differs from main in. Stands until the worktree or main changes. */
export type Look = {
  /** Also those of files over FILE_BYTES_MAX, which `commit` leaves out. */
  readonly changes: readonly SeenChange[]
  /** What the engine does not look into: ignored files, ignored folders (`cache/`), folders that cannot be read. */
  readonly unseen: readonly string[]
  /**
   * Gives files, at whose place nothing stands (`makeRoom`), what main has there, and removes folders that are empty. Writes
   * over nothing. A file is never readable to more than it was. No commit; look again afterwards.
   */
  readonly putBack: (plan: PutBackPlan) => Promise<void>
  /**
   * Commits the changes on top of main; no commit when there are none after all. `leftOut` names files that no commit
   * holds: the ones over FILE_BYTES_MAX first, with a remark behind the name (large-files.ts).
   */
  readonly commit: (request: {
    readonly author: Identity
    readonly messageOf: (changes: readonly Change[]) => string
  }) => Promise<{ readonly commit: WorktreeCommit | null; readonly leftOut: readonly string[] }>
}

/** What became of a change to main and the worktree together; all but `done` have left both as they were. */
export type Applied =
  | {
      readonly outcome: 'done'
      readonly sha: string
      readonly changes: readonly Change[]
      readonly diffStat: string
    }
  /** `details` are paths for `conflict`, otherwise sentences or paths that say what stood in the way. */
  | {
      readonly outcome: 'not-in-history' | 'conflict' | 'in-the-way' | 'put-back'
      readonly details: readonly string[]
    }
  /** `restore` only: the commit has no file of that path, or the worktree has the very same one. */
  | { readonly outcome: 'no-file' | 'same'; readonly details: readonly string[] }

/**
 * What the workspace needs of an implementation of git. Everything else (the record, messages, trailers, which turn is
 * next) is shared. Contract: one operation at a time; rejects with `NodeError` GIT_MISSING, GIT_FAILED,
 * WORKSPACE_UNUSABLE or those of `RunConfined`.
 */
export type GitEngine = {
  readonly name: 'git' | 'isomorphic-git'
  /** Removes what a killed run of this engine left behind; called at start. */
  readonly recover: () => Promise<void>
  /** First-parent commits of main after `known` (all when null or not an ancestor), oldest first, the newest 1,000. */
  readonly commitsSince: (known: string | null, main: string) => Promise<readonly StoredCommit[]>
  /** What a commit changed against its first parent. */
  readonly changesOf: (sha: string) => Promise<readonly Change[]>
  /** Those of `shas` that main's history holds. */
  readonly heldBy: (main: string, shas: readonly string[]) => Promise<ReadonlySet<string>>
  readonly look: (request: {
    readonly main: string
    /** main may hold links to nested repositories, because someone else made it. */
    readonly storedLinks: boolean
  }) => Promise<Look>
  /** As `surveyWorktree`: what `look` does not tell. */
  readonly survey: (before: Survey | null) => Promise<Survey>
  /**
   * Before `putBack`: moves away what stands at paths (`SeenChange.raw`), where it can (set-aside.ts). Runs no git, so that
   * what it says is known whatever becomes of the rest.
   */
  readonly makeRoom: (
    paths: readonly string[],
    before: PutBackRequest,
  ) => Promise<{ readonly aside: SetAside; readonly plan: PutBackPlan }>
  /** Takes the change of one commit back, by a three-way merge, as a new commit of main. */
  readonly takeBack: (request: {
    readonly sha: string
    readonly main: string
    readonly message: string
  }) => Promise<Applied>
  /** Gives one file the content and mode that commit `from` has, as a new commit of main. */
  readonly restore: (request: {
    readonly path: string
    readonly from: string
    readonly main: string
    readonly message: string
  }) => Promise<Applied>
  /** Unified diff of commits against their first parents, in the order given, cut with a note beyond a limit. */
  readonly diff: (shas: readonly string[]) => Promise<string>
}
