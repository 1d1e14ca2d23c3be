/** One tool call: prepared, asked of the gate, journalled, run in the sandbox, answered. A refusal is a result. */
import type { RuleSpec } from '../constraint-spec/rule-spec.schemas.ts'
import { NodeError } from '../utils/node-error.ts'
import type { SandboxOutcome, ToolOperation } from './agent.types.ts'
import type { AgentParts } from './agent-parts.types.ts'
import { mayHaveChanged } from './commit-turn.ts'
import { selectHistory } from './history.ts'
import type { ToolUseBlock } from './model/model.types.ts'
import type { CallStep } from './next-step.ts'
import { obtainPermission } from './obtain-permission.ts'
import { showMatches } from './show-matches.ts'
import { contextLabels, joinLabels, type Labels, type Taint } from './taint.ts'
import type { PreparedCall } from './tools/tool.types.ts'
import type { Turn } from './turn.types.ts'
import type { WrittenFiles } from './written-files.ts'

type Result = { readonly content: string; readonly isError: boolean; readonly labels?: Labels }

const ok = (content: string): Result => ({ content, isError: false })
const failed = (content: string): Result => ({ content, isError: true })

/** What a call is answered with that a STOP kept from running. */
export const NOT_RUN = 'Not run: this turn was stopped.'
const STOPPED = failed(NOT_RUN)
const UNKNOWN_EFFECT = failed(
  '[interrupted] The node restarted while this ran. Its effect is UNKNOWN: check before you do it again.',
)
const NO_PAYMENT_METHOD = ok('The rules allow this payment, but no payment method configured: nothing was paid.')

export const createCallRunner = (parts: AgentParts, turn: Turn, written: WrittenFiles) => {
  const { journal, tools, gate, sandbox, workspace, taint } = parts
  const before = lazyLabels(() => contextLabels(selectHistory(journal, turn.id, 'full')))
  /** Of all that the model has read until now. */
  const context = (): Labels => joinLabels(before(), contextLabels(journal.ofTurn(turn.id)))

  const answer = (block: ToolUseBlock, ref: string, result: Result): void =>
    journal.transaction('tool.result', () => {
      const payload = { toolUseId: block.id, tool: block.name, ...result }
      journal.append({ type: 'tool.result', turn: turn.id, ref, payload })
      if (!journal.has('tool.start', ref)) return // nothing was done
      const facts = { v: 1, turn: turn.id, channel: turn.intent.channel } as const
      gate.note({ type: 'tool:done', detail: { ...facts, tool: block.name, isOk: !result.isError } })
      for (const label of result.labels ?? []) gate.note({ type: 'untrusted:read', detail: { ...facts, label } })
    })

  const start = (block: ToolUseBlock, ref: string): void =>
    journal.append({ type: 'tool.start', turn: turn.id, ref, payload: { toolUseId: block.id, tool: block.name } })

  const refuse = (summary: string, reason: string): Result => {
    turn.progress({ kind: 'call', summary, outcome: 'blocked', reason })
    return failed(`Blocked by ${reason}`)
  }

  const prepareForChange = async (): Promise<void> => {
    await workspace.requireMain()
    // So that the turn's commit holds only the turn's changes.
    if (!mayHaveChanged(parts, turn.id)) await workspace.commitOwnerEdits()
  }

  const execute = async (block: ToolUseBlock, ref: string, call: PreparedCall): Promise<Result> => {
    const labels = context()
    const permission = await obtainPermission(parts, turn, { ...call, toolUseId: block.id, taint: labels })
    if (!permission.ok) return refuse(call.summary, permission.reason)
    turn.progress({ kind: 'call', summary: call.summary, outcome: 'allowed', reason: null })
    if (call.action.kind === 'proposal') {
      start(block, ref)
      return propose(parts, turn, call.action)
    }
    if (permission.call === null) return NO_PAYMENT_METHOD
    if (!tools.find(block.name)?.idempotent) await prepareForChange()
    start(block, ref)
    const { operation } = permission.call
    if (operation.kind === 'bash') written.noteCommand()
    const outcome = await sandbox.run(permission.call, { signal: turn.signal })
    const isWritten = outcome.kind === 'text' && (operation.kind === 'write' || operation.kind === 'edit')
    if (isWritten) {
      await written.noteWrite(operation.path)
      taint.mark([operation.path], labels)
    }
    if (outcome.kind !== 'matches') return labelled(describeOutcome(outcome), labelsOf(taint, operation, labels))
    const { channel, senderId } = turn.intent
    const asked = { turn: turn.id, toolUseId: block.id, channel, senderId, taint: [...labels] }
    const found = joinLabels(...outcome.matches.map(({ path }) => taint.ofFile(path)))
    return labelled(describeOutcome(showMatches(outcome, (paths) => gate.permitFiles(paths, asked))), found)
  }

  const decideResult = async ({ block, ref, heldBack }: CallStep): Promise<Result> => {
    const tool = tools.find(block.name)
    const refusal = (content: string): Result => {
      turn.progress({ kind: 'call', summary: block.name, outcome: 'refused', reason: content })
      return failed(content)
    }
    if (heldBack !== null) return refusal(heldBack)
    if (turn.signal.aborted) return STOPPED
    if (!tool) return refusal(`There is no tool ${JSON.stringify(block.name)}.`)
    if (journal.has('tool.start', ref) && !tool.idempotent) return UNKNOWN_EFFECT
    const prepared = tool.prepare(block.input)
    if (!prepared.ok) return refusal(prepared.message)
    try {
      const result = await execute(block, ref, prepared.call)
      turn.progress({ kind: 'result', summary: prepared.call.summary, ...result })
      return result
    } catch (error) {
      if (!(error instanceof NodeError)) throw error
      return refusal(`${error.message}${error.hint ? ` (${error.hint})` : ''}`)
    }
  }

  return async (call: CallStep): Promise<void> => answer(call.block, call.ref, await decideResult(call))
}

/** What a result lets the model read, besides the owner's words and ours. */
const labelsOf = (taint: Taint, operation: ToolOperation, context: Labels): Labels => {
  if (operation.kind === 'read') return taint.ofFile(operation.path)
  return operation.kind === 'bash' ? joinLabels(context, taint.ofWorkspace()) : []
}

const labelled = (result: Result, labels: Labels): Result => (labels.length === 0 ? result : { ...result, labels })

/** Earlier turns do not change while this one runs. */
const lazyLabels = (read: () => Labels): (() => Labels) => {
  let labels: Labels | null = null
  return () => {
    labels ??= read()
    return labels
  }
}

/** The owner reads the proposal in a message of its own; the model learns that it was made, and no code. */
const propose = (
  { proposals }: AgentParts,
  turn: Turn,
  { spec, intent }: { readonly spec: RuleSpec; readonly intent: string },
): Result => {
  const { name } = proposals.propose(spec, { intent, turn })
  return ok(`The owner has been asked to confirm the rule ${name}. It holds once they have.`)
}

const decoder = new TextDecoder()

/** What the model reads of each of stdout and stderr: its context is dear, and the journal keeps every result. */
const OUTPUT_CHARACTERS_MAX = 25_000

/** What the model reads. Output comes first, then what is notable about how it ended. */
export const describeOutcome = (outcome: Exclude<SandboxOutcome, { kind: 'matches' }>): Result => {
  if (outcome.kind === 'failed') return failed(outcome.message)
  if (outcome.kind === 'text')
    return ok(outcome.truncated ? `${outcome.text}\n[cut here: the rest is over the limit]` : outcome.text)
  const notes = outcome.notes.map((note) => `[${note}]`)
  if (outcome.killedBy === null && outcome.exitCode !== 0) notes.unshift(`[exit code ${outcome.exitCode}]`)
  const output = [outcome.stdout, outcome.stderr].map(readTail).filter((text) => text !== '')
  const isError = outcome.killedBy !== null || outcome.exitCode !== 0
  return { content: [...output, ...notes].join('\n'), isError }
}

/** The end of a stream, where a command says how it went, cut at a line. */
const readTail = (bytes: Uint8Array): string => {
  const text = decoder.decode(bytes).replace(/\n$/, '')
  if (text.length <= OUTPUT_CHARACTERS_MAX) return text
  const tail = text.slice(-OUTPUT_CHARACTERS_MAX)
  const from = tail.indexOf('\n') + 1
  const leftOut = text.length - tail.length + from
  return `[${leftOut} characters left out]\n${tail.slice(from).toWellFormed()}`
}
