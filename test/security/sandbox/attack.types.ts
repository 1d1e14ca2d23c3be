import type { SandboxOutcome, ToolOperation } from '../../../src/agent/agent.types.ts'
import type { SandboxLimits } from '../../../src/agent/sandbox/sandbox.types.ts'
import type { BashResult } from '../../../src/agent/sandbox/tests/sandbox-fixture.ts'
import type { Outside } from './outside.ts'
import type { HeldProgram } from './probe-program.ts'

export const GROUPS = [
  'read',
  'write',
  'namespace',
  'process',
  'network',
  'kernel',
  'terminal',
  'limits',
  'planted files',
  'file tools',
  'sanity',
] as const
export type Group = (typeof GROUPS)[number]

/** One way to break one promise. Rows of group `sanity` are ordinary work instead, which must succeed. */
export type Attack = {
  readonly group: Group
  /** What must hold, in the words of the threat model. */
  readonly name: string
  /** It would starve or disturb others: nothing runs beside it. */
  readonly alone?: boolean
  /**
   * Tries it, and says what got out that the general verdict cannot see; null when it saw nothing.
   * Contract: throws when the attempt was not really made, which is a fault of the suite and not containment.
   */
  readonly attempt: (scene: Scene) => Promise<string | null>
}

/** What one attempt may use. Everything that comes back through it is searched for secrets. */
export type Scene = {
  /** A random word that only this attempt knows: met anywhere outside of the workspace, it got out. */
  readonly mark: string
  readonly outside: Outside
  /** A folder of its own in the workspace, as the sandbox and as the host name it. */
  readonly folder: string
  readonly hostFolder: string
  readonly run: (operation: ToolOperation, signal?: AbortSignal) => Promise<SandboxOutcome>
  /** Runs a script in `folder`; throws when it did not come to its end, unless that is what it is about. */
  readonly bash: (script: string, options?: BashOptions) => Promise<BashResult>
  /** Runs `body` as a Bun program inside, with `call` for system calls; what it prints comes back. */
  readonly program: (body: string, options?: BashOptions) => Promise<BashResult>
  /** Runs the probes of one batch in one process that stays, looked at from outside; attacks of a batch share the run. */
  readonly probes: (batch: string, probes: Readonly<Record<string, string>>) => Promise<HeldProgram>
  /** Does something once for all attacks of a run that name the same key. */
  readonly once: <Made>(key: string, make: () => Promise<Made>) => Promise<Made>
  /** A home for the real command line, apart from the stage. */
  readonly spareHome: string
  /** Notes an operation that was run in another way, for the other layers to judge. */
  readonly note: (operation: ToolOperation) => void
}

export type BashOptions = {
  readonly timeoutMs?: number
  /** The attack may end its own script; otherwise an early end is a fault of the suite. */
  readonly mayDie?: boolean
  readonly limits?: Partial<SandboxLimits>
  readonly signal?: AbortSignal
}

/** What an attempt came to. */
export type Verdict = {
  readonly group: Group
  readonly name: string
  /** What got out, or why the attempt was not one; empty: it is contained. */
  readonly faults: readonly string[]
  readonly mark: string
  /** Everything that was asked of the sandbox, for the other layers to judge. */
  readonly operations: readonly ToolOperation[]
}
