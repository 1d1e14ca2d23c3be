/**
 * What a person can ask of a node. The running node implements this, the control socket carries it, and the command line
 * uses it without knowing whether the node is in its own process.
 */
import { z } from 'zod'
import type { SandboxOutcome, ToolOperation } from './agent/agent.types.ts'
import type { Budget, BudgetExtension } from './agent/ledger.types.ts'
import type { LinkedIdentity } from './agent/linked-identities.ts'
import { PATH_BYTES_MAX } from './agent/permission-vocabulary.ts'
import type { Proposed } from './agent/proposals.ts'
import type { RecordedCommit, UndoResult, WorkspaceRepo } from './agent/workspace/workspace.types.ts'
import type { Say } from './channels/channels.types.ts'
import type { LinkCode } from './channels/link-desk.ts'
import type { StopCause, StopReport } from './conversation.types.ts'
import type { loggedEventSchema, nodeStatusSchema } from './operations.schemas.ts'

export type NodeStatus = z.output<typeof nodeStatusSchema>

export type UndoReport = UndoResult & {
  /** What the undone turn did outside of the workspace: it stays. */
  readonly lasting: readonly string[]
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
  /** The newest change, or that turn. */
  readonly undo: (turn: string | null) => Promise<UndoReport>
  readonly redo: () => Promise<UndoReport>
  /** Brings a file of the workspace back to what it was after that turn. */
  readonly restore: (file: RestoreRequest) => ReturnType<WorkspaceRepo['restore']>
  /** A code that links whoever types it into a channel next. @throws {NodeError} NOT_RUNNING when no channel is served. */
  readonly link: () => Promise<LinkCode>
  readonly links: () => Promise<readonly LinkedIdentity[]>
  /** false when there was no such link. */
  readonly unlink: (channel: string, senderId: string) => Promise<boolean>
  readonly log: (limit: number) => Promise<readonly RecordedCommit[]>
  readonly diff: (turn: string | null) => Promise<string>
  /** Oldest first; `turn`: only those of that turn. */
  readonly events: (query: {
    readonly after: number
    readonly limit: number
    readonly turn: string | null
  }) => Promise<readonly LoggedEvent[]>
  /** Runs an operation past the rules, for the operator's command line. */
  readonly execute: (operation: ToolOperation, signal?: AbortSignal) => Promise<SandboxOutcome>
  /** Tries a rule and asks for the owner's code; nothing is added yet. */
  readonly proposeRule: (rule: RuleDraft) => Promise<Proposed>
  /** Adds the proposed rule of this code. */
  readonly confirmRule: (code: string) => Promise<string>
  /** No to the proposed rule of this code or name; its name. */
  readonly declineRule: (codeOrName: string) => Promise<string>
  /** Keys of what waits for the owner's word. */
  readonly openQuestions: () => Promise<readonly string[]>
  /** No, to this alone, and from nobody: it is not a word of the owner's. */
  readonly declineQuestion: (key: string) => Promise<void>
  readonly auditDecisions: () => Promise<DecisionAudit>
  /** What is spent and may be spent, after raising a cap when an extension is given. Only the owner's word leads here. */
  readonly budget: (extension: BudgetExtension | null) => Promise<Budget>
}

const DRAFT_CHARACTERS_MAX = 64 * 1024

/** A sentence of the template grammar, or a rule file that a person wrote. */
export const ruleDraftSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('words'), words: z.string().max(DRAFT_CHARACTERS_MAX) }),
  z.strictObject({ kind: z.literal('file'), name: z.string(), source: z.string().max(DRAFT_CHARACTERS_MAX) }),
])

export type RuleDraft = z.output<typeof ruleDraftSchema>

/** The operations that a command line can send. */
export const toolOperationSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('read'), path: z.string(), offset: z.int().nullable(), limit: z.int().nullable() }),
  z.strictObject({ kind: z.literal('write'), path: z.string(), content: z.string() }),
  z.strictObject({ kind: z.literal('bash'), command: z.string(), timeoutMs: z.int().positive() }),
])

/** Characters of a turn's id that the node takes; a longer word is none. */
export const TURN_CHARACTERS_MAX = 64

/** A file as the agent names it, and the turn after which it was as wanted. */
export const restoreSchema = z.strictObject({
  path: z.string().min(1).max(PATH_BYTES_MAX),
  turn: z.string().min(1).max(TURN_CHARACTERS_MAX),
})
export type RestoreRequest = z.output<typeof restoreSchema>

/** `FILE@TURN`, where the name of the file may hold an @ too; null when it is not of that form. */
export const parseRestore = (text: string): RestoreRequest | null => {
  const at = text.lastIndexOf('@')
  const [path, turn] = [text.slice(0, at), text.slice(at + 1)]
  return at > 0 && turn !== '' ? { path, turn } : null
}

/** An extension as a command line sends it; how much one may be is the ledger's to say. */
export const budgetExtensionSchema: z.ZodType<BudgetExtension> = z.strictObject({
  span: z.enum(['day', 'month']),
  micros: z.int(),
})
