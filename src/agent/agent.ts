/**
 * The loop: model -> tool calls -> results, until the model answers in words. It holds no state of its own: what to do
 * next is read from the journal before each step, so that a turn which a crash interrupted goes on by the same code, and
 * nothing with an effect runs twice.
 */
import assert from 'node:assert/strict'
import type { AgentParts } from './agent-parts.types.ts'
import { callModel } from './call-model.ts'
import { commitFound, commitTurn } from './commit-turn.ts'
import { describeStopped } from './describe-stopped.ts'
import { restAfterFailures } from './model-retry.ts'
import { type ModelStep, nextStep } from './next-step.ts'
import { createCallRunner } from './run-call.ts'
import type { Turn, TurnEnding, TurnResult } from './turn.types.ts'
import { createWrittenFiles, type WrittenFiles } from './written-files.ts'

/** A turn that was interrupted this often is given up, so that a turn which kills the node cannot do so for ever. */
const RESUMES_MAX = 3

/**
 * Runs a turn whose `turn.start` and `message.in` are in the journal, or goes on with one that was interrupted. The
 * caller ends it: reply, `turn.end` and the answered message belong in one transaction.
 */
export const runTurn = async (parts: AgentParts, turn: Turn): Promise<TurnResult> => {
  const written = createWrittenFiles(parts.workspace)
  const result =
    (await commitFound(parts, turn)) ??
    (await commitTurn(parts, turn, { ...(await runSteps(parts, turn, written)), written }))
  return { ...result, text: [result.text, ...parts.ledger.warningsFor(turn.id)].join('\n\n') }
}

const runSteps = async (parts: AgentParts, turn: Turn, written: WrittenFiles): Promise<TurnEnding> => {
  const { journal } = parts
  const resumes = journal.ofTurn(turn.id).filter((event) => event.type === 'turn.resume').length
  if (resumes > RESUMES_MAX) {
    const text = `I was interrupted ${resumes} times while working on this and gave up. What had been done so far is kept.`
    return { end: 'crashed', text }
  }
  const runCall = createCallRunner(parts, turn, written)
  for (;;) {
    const events = journal.ofTurn(turn.id)
    if (turn.signal.aborted) return { end: 'stopped', text: `${turn.signal.reason} ${describeStopped(parts, events)}` }
    const next = nextStep(events)
    if (next.kind === 'end') return next.ending
    if (next.kind === 'calls') {
      for (const call of next.calls) await runCall(call)
      // A round that answers nothing would go round for ever without ever letting a signal in.
      for (const { ref } of next.calls) assert(journal.has('tool.result', ref), 'a call was run and has no result')
      continue
    }
    const refusal = await askModel(parts, turn, next)
    if (refusal) return refusal
  }
}

/** Here the owner's words join; a turn that is to rest before it asks again hears them first. */
const askModel = async (parts: AgentParts, turn: Turn, step: ModelStep): Promise<TurnEnding | null> => {
  if (turn.joinWaiting()) return null
  const surrender = await restAfterFailures(parts.retry, turn, step.failures)
  if (surrender || turn.signal.aborted) return surrender
  return callModel(parts, turn, step)
}
