/** One call of the model: asked of the gate, paid for in advance, journalled before and after. */
import type { AgentParts } from './agent-parts.types.ts'
import { describeBlock } from './constraint-engine.ts'
import { selectHistory } from './history.ts'
import { type Model, ModelError, type ModelRequest, type ModelUsage } from './model/model.types.ts'
import { costMicros, worstCaseMicros } from './model/model-prices.ts'
import type { ModelStep } from './next-step.ts'
import { projectMessages } from './projection.ts'
import type { Turn, TurnEnding } from './turn.types.ts'

/** Tokens that one answer may have. */
const ANSWER_TOKENS_MAX = 8192
/** Text and code have about four bytes to a token, so this overestimates them; only very dense text has fewer. */
const BYTES_PER_TOKEN = 3

/** Journals what came of one attempt: the model's next message, or a `model.error`. A refusal to try ends the turn. */
export const callModel = async (
  parts: AgentParts,
  turn: Turn,
  { attempt, history }: Pick<ModelStep, 'attempt' | 'history'>,
): Promise<TurnEnding | null> => {
  const { journal, ledger, model } = parts
  const request = buildRequest(parts, turn, history)
  const ref = `${turn.id}/${attempt}`
  const reserved = reserve(parts, turn, { request, ref })
  if ('end' in reserved) return reserved
  let text = ''
  const onText = (delta: string) => {
    text += delta
    turn.progress({ kind: 'text', text: delta })
  }
  const aborted: ModelUsage[] = []
  const withdrawText = (reason: string) => {
    if (text !== '') turn.progress({ kind: 'interrupted', reason })
  }
  try {
    const reply = await model.stream(request, {
      signal: turn.signal,
      onText,
      onAborted: (usage) => aborted.push(usage),
    })
    const content = reply.content.filter((block) => block.type !== 'text' || block['text'] !== '')
    journal.transaction('model.message', () => {
      ledger.settle(ref, costOf(model, reply.usage))
      journal.append({ type: 'model.message', turn: turn.id, ref, payload: { ...reply, content } })
    })
    const withdrawn = WITHDRAWN.get(reply.stopReason)
    if (withdrawn !== undefined) withdrawText(withdrawn)
  } catch (error) {
    if (turn.signal.aborted) {
      // The loop sees the stop. Without a word of the service about the cost, what was reserved counts as spent.
      for (const usage of aborted) ledger.settle(ref, costOf(model, usage))
      return null
    }
    if (!(error instanceof ModelError)) throw error
    const { fault, status, message, retryAfterMs, usage } = error
    journal.transaction('model.error', () => {
      ledger.settle(ref, usage ? costOf(model, usage) : neverServed(error) ? 0 : reserved.micros)
      const payload = { fault, status, message, retryAfterMs, partialText: text }
      journal.append({ type: 'model.error', turn: turn.id, ref, payload })
    })
    withdrawText(message)
  }
  return null
}

/** Answers that end before their end and are not kept as history. */
const WITHDRAWN: ReadonlyMap<string, string> = new Map([
  ['refusal', 'the model service declined to go on'],
  ['model_context_window_exceeded', 'the conversation no longer fits into the model'],
])

const NO_CONNECTION = new Set(['ECONNREFUSED', 'ConnectionRefused', 'ENOTFOUND', 'EAI_AGAIN', 'FailedToOpenSocket'])

/** The service answered with a refusal, or was never reached: nothing can be billed. Otherwise nobody knows. */
const neverServed = (error: ModelError): boolean => {
  if (error.status !== null) return true
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && NO_CONNECTION.has(String(cause.code))) return true
  }
  return false
}

const costOf = (model: Model, usage: ModelUsage): number => (model.price ? costMicros(usage, model.price) : 0)

const reserve = (
  { journal, ledger, gate, model }: AgentParts,
  turn: Turn,
  { request, ref }: { readonly request: ModelRequest; readonly ref: string },
): TurnEnding | { readonly micros: number } => {
  if (!model.price) {
    return {
      end: 'cap',
      text: `I do not know what ${model.name} costs, so I cannot keep your caps and do not call it. Choose a model with a known price (PLAITED_MODEL).`,
    }
  }
  const inputTokens = Math.ceil(Buffer.byteLength(JSON.stringify(request)) / BYTES_PER_TOKEN)
  const micros = worstCaseMicros({ inputTokens, outputTokens: ANSWER_TOKENS_MAX, price: model.price })
  const decision = gate.decide(
    {
      type: 'permission:llm:call',
      input: {
        provider: model.provider,
        model: model.name,
        local: model.scripted,
        estTokens: inputTokens,
        estMicroUsd: micros,
        dayMicroUsd: ledger.spentToday(),
      },
    },
    { turn: turn.id, channel: turn.intent.channel, senderId: turn.intent.senderId },
  )
  if (decision.outcome !== 'allowed')
    return { end: 'blocked', text: `I may not call the model. ${describeBlock(decision)}` }
  return journal.transaction('model.request', () => {
    const reservation = ledger.reserve({ turn: turn.id, ref, kind: 'model', micros })
    if (!reservation.ok) return { end: 'cap', text: reservation.message } as const
    journal.append({ type: 'model.request', turn: turn.id, ref, payload: { model: model.name, micros } })
    return { micros }
  })
}

const buildRequest = (
  { journal, tools, systemPrompt }: AgentParts,
  turn: Turn,
  history: ModelStep['history'],
): ModelRequest => {
  return {
    system: systemPrompt,
    tools: tools.definitions,
    messages: projectMessages([...selectHistory(journal, turn.id, history), ...journal.ofTurn(turn.id)]),
    maxTokens: ANSWER_TOKENS_MAX,
  }
}
