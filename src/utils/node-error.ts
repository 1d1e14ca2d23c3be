/** Stable error codes: scripts and tests match on these, never on message text. */
export type NodeErrorCode =
  | 'USAGE'
  | 'CONFIG_INVALID'
  | 'HOME_UNUSABLE'
  | 'HOME_LOCKED'
  | 'DISK_FULL'
  | 'STATE_CORRUPT'
  | 'PORT_IN_USE'
  | 'EVENT_MALFORMED'
  | 'RULES_UNREADABLE'
  | 'RULE_ILLEGAL'
  | 'RULE_REFUSED'
  | 'RULES_TAMPERED'
  | 'KEEPER_BUSY'
  | 'KEEPER_FAILED'
  | 'KEEPER_UNREACHABLE'
  | 'SANDBOX_UNAVAILABLE'
  | 'SANDBOX_FAILED'
  | 'WORKSPACE_UNUSABLE'
  | 'WORKSPACE_CONFLICT'
  | 'GIT_MISSING'
  | 'GIT_FAILED'
  | 'NOTHING_TO_UNDO'
  | 'NOTHING_TO_REDO'
  | 'NOTHING_TO_RESTORE'
  | 'FILE_UNKNOWN'
  | 'TURN_UNKNOWN'
  | 'NOT_RUNNING'
  | 'NOT_AVAILABLE_YET'
  | 'CONTROL_REFUSED'
  | 'INTERNAL'

/** An operating fault: `message` says what is wrong, `hint` the owner's next step. A broken invariant is an assertion instead. */
export class NodeError extends Error {
  readonly code: NodeErrorCode
  readonly hint: string | null

  constructor(code: NodeErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'NodeError'
    this.code = code
    this.hint = options.hint ?? null
  }
}
