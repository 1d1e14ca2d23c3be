/** One call of the model: asked of the gate, paid for in advance, journalled before and after. */
import type { AgentParts } from './agent-parts.types.ts'
import { type AnswerLength, chooseAnswerLength } from './answer-length.ts'
import { describeBlock } from './constraint-engine.ts'
import { selectHistory } from './history.ts'
import type { JournalEvent } from './journal.ts'
import { type MediaBlock, type Model, ModelError, type ModelRequest, type ModelUsage } from './model/model.types.ts'
import { costMicros } from './model/model-prices.ts'
import type { ModelStep } from './next-step.ts'
import { type MediaOf, projectMessages } from './projection.ts'
import { contextLabels, type Labels } from './taint.ts'
import type { Turn, TurnEnding } from './turn.types.ts'

/** Text and code have about four bytes to a token, so this overestimates them; only very dense text has fewer. */
const BYTES_PER_TOKEN = 3
/** More than the service counts for the largest picture that it does not shrink. */
const TOKENS_PER_PICTURE = 5000
/** A PDF is counted as if all of it were text: pages of pictures have fewer tokens per byte, and are counted too high. */
const PDF_BYTES_PER_TOKEN = 3

/** A request, before it is known how long an answer it can pay for. */
type Prompt = Omit<ModelRequest, 'maxTokens'>

/** Journals what came of one attempt: the model's next message, or a `model.error`. A refusal to try ends the turn. */
export const callModel = async (
  parts: AgentParts,
  turn: Turn,
  { attempt, history }: Pick<ModelStep, 'attempt' | 'history'>,
): Promise<TurnEnding | null> => {
  const { journal, ledger, model } = parts
  const events = [...selectHistory(journal, turn.id, history), ...journal.ofTurn(turn.id)]
  const request = buildRequest(parts, turn, { events, history })
  const ref = `${turn.id}/${attempt}`
  const reserved = reserve(parts, turn, { request, ref, taint: contextLabels(events) })
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
  const onAborted = (spent: ModelUsage) => aborted.push(spent)
  const answered = await model
    .stream({ ...request, maxTokens: reserved.tokens }, { signal: turn.signal, onText, onAborted })
    .then(
      (reply) => ({ reply }),
      (thrown: unknown) => ({ thrown }),
    )
  if ('reply' in answered) {
    const { reply } = answered
    journal.transaction('model.message', () => {
      ledger.settle(ref, costOf(model, reply.usage))
      journal.append({ type: 'model.message', turn: turn.id, ref, payload: reply })
    })
    const withdrawn = WITHDRAWN.get(reply.stopReason)
    if (withdrawn !== undefined) withdrawText(withdrawn)
    return null
  }
  const { thrown: error } = answered
  if (turn.signal.aborted) {
    // The loop sees the stop. Without a word of the service about the cost, what was reserved counts as spent.
    for (const spent of aborted) ledger.settle(ref, costOf(model, spent))
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
  return null
}

/** Never too few, so that a cap holds: what the service counts is known only afterwards. */
const estimateTokens = (request: Prompt): number => {
  const blocks = request.messages.flatMap((message): readonly { readonly type: string }[] => message.content)
  const media = blocks.filter((block): block is MediaBlock => block.type === 'image' || block.type === 'document')
  const dataBytes = media.reduce((sum, { source }) => sum + source.data.length, 0)
  const mediaTokens = media.reduce(
    (sum, { type, source }) =>
      sum + (type === 'image' ? TOKENS_PER_PICTURE : Buffer.byteLength(source.data, 'base64') / PDF_BYTES_PER_TOKEN),
    0,
  )
  return Math.ceil((Buffer.byteLength(JSON.stringify(request)) - dataBytes) / BYTES_PER_TOKEN + mediaTokens)
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
  { request, ref, taint }: { readonly request: Prompt; readonly ref: string; readonly taint: Labels },
): TurnEnding | AnswerLength => {
  if (!model.price) {
    return {
      end: 'cap',
      text: `I do not know what ${model.name} costs, so I cannot keep your caps and do not call it. Choose a model with a known price (PLAITED_MODEL).`,
    }
  }
  const inputTokens = estimateTokens(request)
  const length = chooseAnswerLength({ inputTokens, price: model.price }, ledger.room(turn.id))
  const { micros, shortenedBy } = length
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
    { turn: turn.id, channel: turn.intent.channel, senderId: turn.intent.senderId, taint: [...taint] },
  )
  if (decision.outcome !== 'allowed')
    return { end: 'blocked', text: `I may not call the model. ${describeBlock(decision)}` }
  return journal.transaction('model.request', () => {
    const reservation = ledger.reserve({ turn: turn.id, ref, kind: 'model', micros })
    if (!reservation.ok) return { end: 'cap', text: reservation.message } as const
    journal.append({ type: 'model.request', turn: turn.id, ref, payload: { model: model.name, micros, shortenedBy } })
    return length
  })
}

const buildRequest = (
  { tools, systemPrompt, attachments }: AgentParts,
  turn: Turn,
  { events, history }: { readonly events: readonly JournalEvent[]; readonly history: ModelStep['history'] },
): Prompt => {
  const mediaOf: MediaOf = ({ path, mime }, of) => {
    // Pictures go along in the turn in which they came: in every later request they would cost as much again.
    const content = of === turn.id && history === 'full' ? attachments.content(path) : null
    if (content === null) return null
    const data = Buffer.from(content).toString('base64')
    const type = mime === 'application/pdf' ? 'document' : 'image'
    return { type, source: { type: 'base64', media_type: mime, data } }
  }
  return {
    system: systemPrompt,
    tools: tools.definitions,
    messages: projectMessages(events, mediaOf),
  }
}
