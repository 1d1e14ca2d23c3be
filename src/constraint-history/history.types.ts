/** A point of the history: its newest commit, and how many led there. */
export type Anchor = { readonly head: string; readonly count: number }

/** What differs, in words for the owner, and what mends it. */
export type AuditFault = { readonly what: string; readonly mend: string }

export type HistoryAudit = {
  /** Nothing in here means that the rules are what was signed. */
  readonly faults: readonly AuditFault[]
  /** null when the history cannot be followed to its beginning. */
  readonly head: Anchor | null
  /** Names of the rules, those included that are retired. */
  readonly rules: readonly string[]
  readonly retired: readonly string[]
  /** A rule that the keeper is adding at this moment, or was when it was killed. */
  readonly pending: string | null
}

export type AuditOptions = {
  readonly folder: string
  /** What this node has seen before: it must be in the history. */
  readonly anchor: Anchor | null
  /** The anchor was audited by this very process, so what led there need not be again. */
  readonly sinceAnchor?: boolean
  /** Nobody but root may be able to change a file: set when the keeper is another user. */
  readonly ownedByRoot?: boolean
}
