/** One call of the model: asked of the gate, paid for in advance, journalled before and after. */
import type { AgentParts } from './agent-parts.types.ts'
import { describeBlock } from './constraint-engine.ts'
import { selectHistory } from './history.ts'
import { type Model, ModelError, type ModelRequest, type ModelUsage } from './model/model.types.ts'
import { costMicros, worstCaseMicros } from './model/model-prices.ts'
import { projectMessages } from './projection.ts'
import type { Turn, TurnEnding } from './turn.types.ts'

/** Tokens that one answer may have. */
const ANSWER_TOKENS_MAX = 8192
/** A token is at least this many bytes in practice; dividing by less overestimates the cost, which is the safe side. */
const BYTES_PER_TOKEN = 3
/** Journals the model's next message; a refusal ends the turn. */
export const callModel = async (parts: AgentParts, turn: Turn, step: number): Promise<TurnEnding | null> => {
  const { journal, ledger, model } = parts
  const request = buildRequest(parts, turn)
  const ref = `${turn.id}/${step}`
  const refusal = reserve(parts, turn, { request, ref })
  if (refusal) return refusal
  const text: string[] = []
  const onText = (delta: string) => {
    text.push(delta)
    turn.progress({ kind: 'text', text: delta })
  }
  try {
    const reply = await model.stream(request, { signal: turn.signal, onText })
    const content = reply.content.filter((block) => block.type !== 'text' || block['text'] !== '')
    journal.transaction('model.message', () => {
      ledger.settle(ref, costOf(model, reply.usage))
      journal.append({ type: 'model.message', turn: turn.id, ref, payload: { ...reply, content } })
    })
    return null
  } catch (error) {
    if (turn.signal.aborted) return null // the loop sees the stop; what was reserved counts as spent
    if (!(error instanceof ModelError)) throw error
    journal.transaction('model.error', () => {
      ledger.settle(ref, error.usage ? costOf(model, error.usage) : 0)
      const payload = { fault: error.fault, status: error.status, message: error.message, partialText: text.join('') }
      journal.append({ type: 'model.error', turn: turn.id, ref, payload })
    })
    return { end: 'model-error', text: MODEL_FAULTS[error.fault](error) }
  }
}

const costOf = (model: Model, usage: ModelUsage): number => (model.price ? costMicros(usage, model.price) : 0)

const reserve = (
  { journal, ledger, gate, model }: AgentParts,
  turn: Turn,
  { request, ref }: { readonly request: ModelRequest; readonly ref: string },
): TurnEnding | null => {
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
    const reserved = ledger.reserve({ turn: turn.id, ref, kind: 'model', micros })
    if (!reserved.ok) return { end: 'cap', text: reserved.message } as const
    journal.append({ type: 'model.request', turn: turn.id, ref, payload: { model: model.name, micros } })
    return null
  })
}

const buildRequest = ({ journal, tools, systemPrompt }: AgentParts, turn: Turn): ModelRequest => {
  return {
    system: systemPrompt,
    tools: tools.definitions,
    messages: projectMessages([...selectHistory(journal, turn.id), ...journal.ofTurn(turn.id)]),
    maxTokens: ANSWER_TOKENS_MAX,
  }
}

const MODEL_FAULTS: Readonly<Record<ModelError['fault'], (error: ModelError) => string>> = {
  unreachable: (error) =>
    `I could not reach the model service (${error.message}). Nothing more was done; say it again to retry.`,
  overloaded: (error) =>
    `The model service is overloaded (${error.message}). Nothing more was done; say it again in a while.`,
  rejected: (error) => `The model service rejected the request (${error.message}).`,
  unauthorized: () => 'The model service refused the key. Check ANTHROPIC_API_KEY, then say it again.',
  unpaid: () => 'The model service says that the account has no credit. Add some, then say it again.',
  malformed: (error) =>
    `The model service sent an answer that I could not read (${error.message}). Nothing of it was run; say it again to retry.`,
}
