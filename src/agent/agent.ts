/**
 * The loop: model -> tool calls -> results, until the model answers in words. It holds no state of its own: what to do
 * next is read from the journal before each step, so that a turn which a crash interrupted goes on by the same code, and
 * nothing with an effect runs twice.
 */
import assert from 'node:assert/strict'
import type { AgentParts } from './agent-parts.types.ts'
import { callModel } from './call-model.ts'
import { commitFound, commitTurn } from './commit-turn.ts'
import type { JournalEvent } from './journal.ts'
import type { ToolUseBlock } from './model/model.types.ts'
import { isToolUse, readReply, resultKey } from './projection.ts'
import { createCallRunner } from './run-call.ts'
import type { Turn, TurnEnding, TurnResult } from './turn.types.ts'

/** Model calls per turn. */
const STEPS_MAX = 50
/** A turn that was interrupted this often is given up, so that a turn which kills the node cannot do so for ever. */
const RESUMES_MAX = 3

/**
 * Runs a turn whose `turn.start` and `message.in` are in the journal, or goes on with one that was interrupted. The
 * caller ends it: reply, `turn.end` and the answered message belong in one transaction.
 */
export const runTurn = async (parts: AgentParts, turn: Turn): Promise<TurnResult> =>
  (await commitFound(parts, turn)) ?? commitTurn(parts, turn, await runSteps(parts, turn))

const runSteps = async (parts: AgentParts, turn: Turn): Promise<TurnEnding> => {
  const { journal } = parts
  const resumes = journal.ofTurn(turn.id).filter((event) => event.type === 'turn.resume').length
  if (resumes > RESUMES_MAX) {
    const text = `I was interrupted ${resumes} times while working on this and gave up. What had been done so far is kept.`
    return { end: 'crashed', text }
  }
  const runCall = createCallRunner(parts, turn)
  for (;;) {
    const events = journal.ofTurn(turn.id)
    if (turn.signal.aborted) return { end: 'stopped', text: `${turn.signal.reason} ${describeStarted(events)}` }
    const next = nextStep(events)
    if (next.kind === 'answer') return { end: 'done', text: next.text }
    if (next.kind === 'calls') {
      for (const { block, ref } of next.calls) await runCall(block, { ref, cutOff: next.cutOff })
      // A round that answers nothing would go round for ever without ever letting a signal in.
      for (const { ref } of next.calls) assert(journal.has('tool.result', ref), 'a call was run and has no result')
      continue
    }
    if (next.step >= STEPS_MAX) {
      return { end: 'step-limit', text: `I stopped after ${STEPS_MAX} steps without finishing. Say what to do next.` }
    }
    const refusal = await callModel(parts, turn, next.step)
    if (refusal) return refusal
  }
}

const describeStarted = (events: readonly JournalEvent[]): string => {
  const count = events.filter((event) => event.type === 'tool.start').length
  return count === 0 ? 'Nothing had run.' : `${count} tool call${count === 1 ? '' : 's'} had been started before.`
}

type NextStep =
  | { readonly kind: 'model'; readonly step: number }
  | {
      readonly kind: 'calls'
      readonly calls: readonly { readonly block: ToolUseBlock; readonly ref: string }[]
      /** The answer was cut at the token limit: its arguments may be incomplete, so nothing of it runs. */
      readonly cutOff: boolean
    }
  | { readonly kind: 'answer'; readonly text: string }

const nextStep = (events: readonly JournalEvent[]): NextStep => {
  const step = events.filter((event) => event.type === 'model.request').length
  const last = events.findLast((event) => event.type === 'model.message')
  if (!last) return { kind: 'model', step }
  const reply = readReply(last)
  const answered = new Set(events.filter((event) => event.type === 'tool.result').map((event) => event.ref))
  const uses = reply.content.filter(isToolUse)
  const open = uses
    .map((block) => ({ block, ref: resultKey(last.ref, block.id) }))
    .filter(({ ref }) => !answered.has(ref))
  if (open.length > 0) return { kind: 'calls', calls: open, cutOff: reply.stopReason !== 'tool_use' }
  if (uses.length > 0 || reply.stopReason === 'pause_turn') return { kind: 'model', step }
  const text = reply.content.map((block) => (block.type === 'text' ? block['text'] : '')).join('')
  return { kind: 'answer', text: `${text}${STOP_NOTES[reply.stopReason] ?? ''}`.trim() || '(no answer)' }
}

const STOP_NOTES: Readonly<Record<string, string>> = {
  max_tokens: '\n\n(My answer was cut at its length limit.)',
  refusal: '\n\n(The model service declined to answer this.)',
  model_context_window_exceeded: '\n\n(The conversation no longer fits into the model.)',
}
