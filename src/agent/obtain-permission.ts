/** The gate's answer to a call, after the owner's where a rule wants their word. */
import type { PermittedCall } from './agent.types.ts'
import type { AgentParts } from './agent-parts.types.ts'
import { describeBlock } from './constraint-engine.ts'
import { describeQuestion } from './describe-question.ts'
import type { EventContext } from './permission-event.ts'
import type { Decision } from './rule-engine.ts'
import type { Labels } from './taint.ts'
import type { CallAction } from './tools/tool.types.ts'
import { questionForAction } from './tools/tools.ts'
import type { Turn } from './turn.types.ts'

/** `call` is null for what no sandbox runs. */
export type Permission =
  { readonly ok: true; readonly call: PermittedCall | null } | { readonly ok: false; readonly reason: string }

type Asked = {
  readonly action: CallAction
  readonly summary: string
  readonly toolUseId: string
  /** Labels of all that the model has read. */
  readonly taint: Labels
}

export const obtainPermission = async (
  { gate, questions }: Pick<AgentParts, 'gate' | 'questions'>,
  turn: Turn,
  { action, summary, toolUseId, taint }: Asked,
): Promise<Permission> => {
  const { channel, senderId, messageId } = turn.intent
  const context: EventContext = { turn: turn.id, toolUseId, channel, senderId, taint: [...taint] }
  const attempt = (confirmed: EventContext['confirmed'] = null) => judge(gate, action, { ...context, confirmed })
  const first = attempt()
  if (first.ok || first.decision.outcome !== 'ask') return toPermission(first)
  const { decision } = first
  const refused = (why: string): Permission => ({ ok: false, reason: `${describeBlock(decision)} (${why})` })
  const shown = describeQuestion(action, decision.blockedBy)
  if (shown === null) return refused('it is too long for the owner to judge: make it shorter')
  turn.progress({ kind: 'call', summary, outcome: 'asked', reason: null })
  const question = { turn: turn.id, toolUseId, channel, senderId, replyTo: messageId, summary: shown }
  const answer = await questions.ask({ ...question, digest: decision.digest }, turn.signal)
  return 'why' in answer ? refused(answer.why) : toPermission(attempt(answer))
}

type Judged =
  { readonly ok: true; readonly call: PermittedCall | null } | { readonly ok: false; readonly decision: Decision }

const judge = (gate: AgentParts['gate'], action: CallAction, context: EventContext): Judged => {
  if (action.kind === 'sandbox') return gate.permit(action.operation, context)
  const decision = gate.decide(questionForAction(action), context)
  return decision.outcome === 'allowed' ? { ok: true, call: null } : { ok: false, decision }
}

const toPermission = (judged: Judged): Permission =>
  judged.ok ? judged : { ok: false, reason: describeBlock(judged.decision) ?? '' }
