/**
 * The two proofs that a message must collect on its way: `OwnerIntent` (the owner gate saw that the sender is the owner)
 * and `PermittedCall` (the permission gate allowed exactly this operation). Each is a branded type that one file mints;
 * test/tidy.test.ts bans the casts everywhere else.
 */
declare const ownerIntentBrand: unique symbol
declare const permittedCallBrand: unique symbol

/** Proof that a message is the owner's. Minted by `channels/owner-gate.ts` only; the loop accepts nothing else. */
export type OwnerIntent = {
  readonly [ownerIntentBrand]: true
  readonly text: string
  readonly channel: string
  readonly senderId: string
  /** Identity of the message in its channel: the key under which it is stored and answered once. */
  readonly messageId: string
}

/** What a tool does, with absolute lexical paths (`/workspace/a`): the gate judges this value and the sandbox runs it. */
export type ToolOperation =
  | { readonly kind: 'read'; readonly path: string; readonly offset: number | null; readonly limit: number | null }
  | { readonly kind: 'write'; readonly path: string; readonly content: string }
  /** A whole file of any bytes, in base64: what the owner sent along. No tool of the model does this. */
  | { readonly kind: 'store'; readonly path: string; readonly base64: string }
  | {
      readonly kind: 'edit'
      readonly path: string
      readonly oldString: string
      readonly newString: string
      readonly replaceAll: boolean
    }
  | { readonly kind: 'bash'; readonly command: string; readonly timeoutMs: number }
  | { readonly kind: 'glob'; readonly pattern: string; readonly path: string }
  | { readonly kind: 'grep'; readonly pattern: string; readonly path: string; readonly glob: string | null }

/** Proof that the permission gate allowed this operation. Minted by `agent/constraint-engine.ts` only. */
export type PermittedCall = {
  readonly [permittedCallBrand]: true
  readonly toolUseId: string
  /** Row of the decision that allowed it. */
  readonly decisionSeq: number
  readonly operation: ToolOperation
}

/** A file that a search found; `hit` is the line of it (`12:text`), null when the search was for names. */
export type SearchMatch = { readonly path: string; readonly hit: string | null }

/** What a call came back with. `failed` is an expected refusal of the tool (no such file, no match), not an exception. */
export type SandboxOutcome =
  | { readonly kind: 'text'; readonly text: string; readonly truncated: boolean }
  /** Not for the model yet: each file has to be asked about first (`show-matches.ts`). */
  | {
      readonly kind: 'matches'
      readonly of: 'file' | 'line'
      readonly matches: readonly SearchMatch[]
      /** How many there are altogether, more than `matches` when it was cut; null when nobody counted further. */
      readonly total: number | null
    }
  | {
      readonly kind: 'process'
      /** null when the process was killed by us. */
      readonly exitCode: number | null
      readonly stdout: Uint8Array
      readonly stderr: Uint8Array
      /** The beginning of stdout or stderr was left out. */
      readonly truncated: boolean
      readonly killedBy: 'timeout' | 'output' | 'memory' | 'disk' | 'files' | 'workspace' | 'stop' | null
      /** Sentences for the model: which limit it met and what to do instead, and where all of a long output is. */
      readonly notes: readonly string[]
    }
  | { readonly kind: 'failed'; readonly message: string }

/**
 * The OS sandbox (layer 2). Contract of `run`: rejects with `NodeError` SANDBOX_UNAVAILABLE or SANDBOX_FAILED when the
 * sandbox itself could not do its work, never because of what the command did.
 */
export type Sandbox = {
  readonly run: (call: PermittedCall, options: { readonly signal: AbortSignal }) => Promise<SandboxOutcome>
  readonly close: () => Promise<void>
}
