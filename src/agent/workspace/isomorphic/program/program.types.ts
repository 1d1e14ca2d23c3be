/** What the node asks of the program, and what it answers: one JSON document each way. Shared by both sides. */

export type Change = { readonly path: string; readonly change: 'added' | 'modified' | 'deleted' }

/** Its path is text of one character per byte, so that it can be given back as it was. */
export type LookedChange = Change & { readonly bytes: number; readonly executable: boolean }

export type Person = { readonly name: string; readonly email: string }

export type Signature = {
  readonly author: Person
  readonly committer: Person
  /** Seconds since the Unix epoch. */
  readonly at: number
}

/** A commit to be made on top of `main`. */
export type NewCommit = { readonly main: string; readonly message: string; readonly signature: Signature }

export type Request =
  | { readonly kind: 'commits-since'; readonly known: string | null; readonly main: string; readonly countMax: number }
  | { readonly kind: 'changes-of'; readonly sha: string }
  | { readonly kind: 'held-by'; readonly main: string; readonly shas: readonly string[] }
  | { readonly kind: 'look'; readonly main: string; readonly fileBytesMax: number }
  | ({ readonly kind: 'commit'; readonly tree: string } & NewCommit)
  | ({ readonly kind: 'take-back'; readonly sha: string } & NewCommit)
  | ({ readonly kind: 'restore'; readonly path: string; readonly from: string } & NewCommit)
  /** Paths as `look` gave them, at which nothing stands; `empties` are folders that may go when nothing is left in them, deepest first. */
  | {
      readonly kind: 'put-back'
      readonly main: string
      readonly files: readonly { readonly path: string; readonly mode: number }[]
      readonly empties: readonly string[]
    }
  | { readonly kind: 'diff'; readonly shas: readonly string[]; readonly bytesMax: number }

export type CommitAnswer = {
  readonly sha: string
  readonly authorEmail: string
  readonly committerEmail: string
  readonly at: number
  readonly message: string
}

export type LookAnswer = {
  /** Names what was seen, all stored: a commit of it needs no second look. */
  readonly tree: string
  /** What a commit of that tree changes. */
  readonly changes: readonly LookedChange[]
  /** Files that differ too, but that no commit can hold. */
  readonly leftOut: readonly (LookedChange & { readonly why: 'too-large' | 'unreadable' | 'refused' })[]
  /** Ignored files and folders, and folders that cannot be read; folders end in a slash. Bytes, likewise. */
  readonly unseen: readonly string[]
}

export type Refused = 'not-in-history' | 'conflict' | 'in-the-way' | 'put-back' | 'no-file' | 'same'

export type AppliedAnswer =
  | {
      readonly outcome: 'done'
      readonly sha: string
      readonly changes: readonly Change[]
      readonly diffStat: string
    }
  | { readonly outcome: Refused; readonly details: readonly string[] }

/** What the owner has to put right first. Anything else that goes wrong ends the program with a non-zero exit. */
export type UnusableAnswer = { readonly unusable: 'locked' | 'merging' | 'sparse' | 'index-form' | 'main-moved' }
