/** What the loop works with, made once by the composition root. */
import type { RuleSpec } from '../constraint-spec/rule-spec.schemas.ts'
import type { Clock } from '../utils/clock.ts'
import type { Timing } from '../utils/timing.ts'
import type { Sandbox } from './agent.types.ts'
import type { Attachments } from './attachments.ts'
import type { PermissionGate } from './constraint-engine.ts'
import type { Journal } from './journal.ts'
import type { Ledger } from './ledger.ts'
import type { Model } from './model/model.types.ts'
import type { Questions } from './questions.ts'
import type { Taint } from './taint.ts'
import type { ToolSet } from './tools/tools.ts'
import type { Turn } from './turn.types.ts'
import type { WorkspaceRepo } from './workspace/workspace.types.ts'

export type AgentParts = {
  readonly clock: Clock
  readonly journal: Journal
  readonly ledger: Ledger
  /** Copies of pictures and PDFs that came with messages. */
  readonly attachments: Pick<Attachments, 'content'>
  readonly gate: PermissionGate
  readonly questions: Pick<Questions, 'ask'>
  /** Proposes a rule to the owner; `intent` is what the model takes them to want. @throws {NodeError} RULE_REFUSED with what is wrong with it. */
  readonly proposals: {
    readonly propose: (
      spec: RuleSpec,
      by: { readonly intent: string; readonly turn: Turn },
    ) => { readonly name: string }
  }
  readonly sandbox: Sandbox
  readonly tools: ToolSet
  readonly model: Model
  /** Between attempts at a call of the model that failed. */
  readonly retry: Timing
  readonly workspace: WorkspaceRepo
  readonly taint: Taint
  readonly systemPrompt: string
}
