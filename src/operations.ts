/**
 * What a person can ask of a node. The running node implements this, the control socket carries it, and the command line
 * uses it without knowing whether the node is in its own process.
 */
import { z } from 'zod'
import type { SandboxOutcome, ToolOperation } from './agent/agent.types.ts'
import type { Budget, BudgetExtension } from './agent/ledger.types.ts'
import type { WorkspaceCommit } from './agent/workspace/workspace.types.ts'
import type { Say } from './channels/channels.types.ts'
import type { StopCause, StopReport } from './conversation.types.ts'
import type { loggedEventSchema, nodeStatusSchema } from './operations.schemas.ts'

export type NodeStatus = z.output<typeof nodeStatusSchema>

export type LoggedCommit = WorkspaceCommit & { readonly undoneBy: string | null }

export type UndoReport = {
  readonly undone: WorkspaceCommit
  /** Newer turns that were passed over: the owner removed them from the history. */
  readonly lost: readonly WorkspaceCommit[]
  readonly commit: WorkspaceCommit
  readonly diffStat: string
}

export type LoggedEvent = z.output<typeof loggedEventSchema>

export type DecisionAudit =
  { readonly ok: true; readonly count: number } | { readonly ok: false; readonly seq: number; readonly fault: string }

/** Contract: every operation rejects with `NodeError` only. */
export type Operations = {
  readonly status: () => Promise<NodeStatus>
  /** Ends the running turn at once and dismisses what waits; the second time within a minute it freezes the node. */
  readonly stop: (cause: StopCause) => Promise<StopReport>
  /** Thaws the node; false when it was not frozen. */
  readonly resume: () => Promise<boolean>
  /** Rejects with the reason of `gone` once that aborts: nobody listens any more, and the reply is kept for the next one. */
  readonly say: Say
  readonly undo: () => Promise<UndoReport>
  readonly log: (limit: number) => Promise<readonly LoggedCommit[]>
  readonly diff: (turn: string | null) => Promise<string>
  /** Oldest first; `turn`: only those of that turn. */
  readonly events: (query: {
    readonly after: number
    readonly limit: number
    readonly turn: string | null
  }) => Promise<readonly LoggedEvent[]>
  /** Runs an operation past the rules, for the operator's command line. */
  readonly execute: (operation: ToolOperation, signal?: AbortSignal) => Promise<SandboxOutcome>
  readonly auditDecisions: () => Promise<DecisionAudit>
  /** What is spent and may be spent, after raising a cap when an extension is given. Only the owner's word leads here. */
  readonly budget: (extension: BudgetExtension | null) => Promise<Budget>
}

/** The operations that a command line can send. */
export const toolOperationSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('read'), path: z.string(), offset: z.int().nullable(), limit: z.int().nullable() }),
  z.strictObject({ kind: z.literal('write'), path: z.string(), content: z.string() }),
  z.strictObject({ kind: z.literal('bash'), command: z.string(), timeoutMs: z.int().positive() }),
])

/** An extension as a command line sends it; how much one may be is the ledger's to say. */
export const budgetExtensionSchema: z.ZodType<BudgetExtension> = z.strictObject({
  span: z.enum(['day', 'month']),
  micros: z.int(),
})
