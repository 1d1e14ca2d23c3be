/**
 * How long an answer of the model may be: as long as what is left under the caps can pay for, so that little money still
 * buys a short answer. What is reserved stays the most that the call can cost.
 */
import { z } from 'zod'
import type { JournalEvent } from './journal.ts'
import type { CapSpan, SpendRoom } from './ledger.types.ts'
import type { ModelPrice } from './model/model.types.ts'
import { affordableOutputTokens, worstCaseMicros } from './model/model-prices.ts'

/** Tokens that one answer may have. */
const ANSWER_TOKENS_MAX = 8192
/**
 * A call whose answer could not have as many tokens is refused. So few that a day cap of 0.01 USD pays for a first short
 * message to the default model, and enough for a paragraph.
 */
const ANSWER_TOKENS_MIN = 256

export type AnswerLength = {
  readonly tokens: number
  /** The most that the call can cost. */
  readonly micros: number
  /** The cap under which no more was left; null for an answer of full length. */
  readonly shortenedBy: CapSpan | null
}

export const chooseAnswerLength = (
  { inputTokens, price }: { readonly inputTokens: number; readonly price: ModelPrice },
  room: SpendRoom,
): AnswerLength => {
  const costOf = (outputTokens: number) => worstCaseMicros({ inputTokens, outputTokens, price })
  const full = costOf(ANSWER_TOKENS_MAX)
  if (full <= room.micros) return { tokens: ANSWER_TOKENS_MAX, micros: full, shortenedBy: null }
  const tokens = Math.max(affordableOutputTokens({ inputTokens, micros: room.micros, price }), ANSWER_TOKENS_MIN)
  return { tokens, micros: costOf(tokens), shortenedBy: room.span }
}

/** Absent in journals of before. */
const request = z.object({ shortenedBy: z.enum(['call', 'turn', 'day', 'month']).nullable().default(null) })

/** What made the answer `ref` shorter than it may be otherwise, as its `model.request` tells it. */
export const readShortening = (events: readonly JournalEvent[], ref: string | null): CapSpan | null => {
  const asked = events.find((event) => event.type === 'model.request' && event.ref === ref)
  return asked ? request.parse(asked.payload).shortenedBy : null
}
