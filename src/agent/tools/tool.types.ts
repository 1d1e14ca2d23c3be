import type { z } from 'zod'
import type { RuleSpec } from '../../constraint-spec/rule-spec.schemas.ts'
import type { ToolOperation } from '../agent.types.ts'
import type { PermissionInput, PermissionType } from '../permission-vocabulary.ts'

/** What a call asks the gate for, and what runs when it is allowed. */
export type PreparedCall = {
  /** One line for people: `write notes/a.md (12 bytes)`. */
  readonly summary: string
  readonly action: CallAction
}

export type CallAction =
  | { readonly kind: 'sandbox'; readonly operation: ToolOperation }
  /** A payment: gated like everything else, and answered by the node itself. */
  | { readonly kind: 'payment'; readonly input: PermissionInput<'permission:payment:send'> }
  | { readonly kind: 'proposal'; readonly intent: string; readonly spec: RuleSpec }

/** A tool as the model sees it. `prepare` is pure: it neither decides nor acts. */
export type Tool<Input = never> = {
  readonly name: string
  readonly description: string
  readonly input: z.ZodType<Input>
  /** Running it again changes nothing: after a crash it is simply repeated. */
  readonly idempotent: boolean
  readonly prepare: (input: Input) => PreparedCall
}

/** The gate's question for an operation: derived from the very value that runs, so the two cannot differ. */
export type PermissionQuestion = {
  readonly [Type in PermissionType]: { readonly type: Type; readonly input: PermissionInput<Type> }
}[PermissionType]
