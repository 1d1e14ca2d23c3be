/**
 * What happens when the model service fails. A fault that may pass (overload, no connection, a stream that breaks off or
 * falls silent) is tried again after 1, 2, 4, 8 and 16 seconds, or later when the service asks for it. When that does not
 * help, or it asks for more than a minute, the turn parks: it ends with a sentence, what it did stays in the journal, and
 * the owner's next message goes on from there. An answer that does not parse is asked for again at once, a few times. A
 * fault of the request, the key or the account ends the turn: trying again would not mend it.
 *
 * The plan is a function of the failures in the journal, so a restart in the middle forgets none of them and does not try
 * more often. Nothing here calls the model: each attempt is judged, reserved and settled like a first one.
 */
import { z } from 'zod'
import type { Timing } from '../utils/timing.ts'
import type { JournalEvent } from './journal.ts'
import type { Turn, TurnEnding } from './turn.types.ts'

/** Before the second attempt, the third, ... A service that does not recover within half a minute is down, not busy. */
const RETRY_DELAYS_MS: readonly number[] = [1000, 2000, 4000, 8000, 16_000]
/** A wait is longer by up to this share, so that those whom one outage stopped do not all come back at once. */
const JITTER_SHARE = 0.25
/** A service that asks for a longer rest gets it, but the owner does not wait for it in front of a silent screen. */
const RETRY_AFTER_MAX_MS = 60_000
/** A shorter wait is not noticed, so it is not told, unless it comes after a silence that was. */
const TOLD_WAIT_MIN_MS = 3000
/** An answer that does not parse is asked for this often again; it was paid for each time. */
const MALFORMED_RETRIES_MAX = 2
/** Characters of a fault's message that the owner reads; a list of all that is wrong with an answer can be long. */
const REASON_LENGTH_MAX = 500

/** One failed attempt as its `model.error` tells it. */
export type ModelFailure = z.output<typeof failureSchema>

const failureSchema = z.object({
  fault: z.enum(['unreachable', 'silent', 'overloaded', 'rejected', 'too-long', 'unauthorized', 'unpaid', 'malformed']),
  status: z.int().nullable(),
  message: z.string(),
  /** Absent in journals of the first version. */
  retryAfterMs: z.number().nullable().default(null),
})

/** A stored `model.error`. */
export const readFailure = (event: JournalEvent): ModelFailure => failureSchema.parse(event.payload)

/** Rests as long as the failures since the last answer ask for; an ending when there is no use in trying again. */
export const restAfterFailures = async (
  { wait, random }: Timing,
  turn: Pick<Turn, 'signal' | 'progress'>,
  failures: readonly ModelFailure[],
): Promise<TurnEnding | null> => {
  const plan = planRetry(failures, random)
  if (plan.kind === 'end') return plan.ending
  if (plan.waitMs >= TOLD_WAIT_MIN_MS || failures.at(-1)?.fault === 'silent') {
    turn.progress({ kind: 'waiting', seconds: Math.round(plan.waitMs / 1000), reason: plan.reason })
  }
  if (plan.waitMs > 0) await wait(plan.waitMs, turn.signal)
  return null
}

export type RetryPlan =
  | { readonly kind: 'retry'; readonly waitMs: number; readonly reason: string }
  | { readonly kind: 'end'; readonly ending: TurnEnding }

/** `failures` are those of one step, oldest first. */
export const planRetry = (failures: readonly ModelFailure[], random: Timing['random']): RetryPlan => {
  const last = failures.at(-1)
  if (!last) return { kind: 'retry', waitMs: 0, reason: '' }
  const reason = last.message.slice(0, REASON_LENGTH_MAX).replace(/\s+/g, ' ').trim()
  const alike = failures.filter(({ fault }) => isPassing(fault) === isPassing(last.fault)).length
  if (isPassing(last.fault)) {
    const askedMs = last.retryAfterMs ?? 0
    const delayMs = RETRY_DELAYS_MS[alike - 1]
    if (askedMs > RETRY_AFTER_MAX_MS) return park(`${reason}; it asks to be left alone for ${formatRest(askedMs)}`)
    if (delayMs === undefined) return park(`${reason}; I tried ${failures.length} times`)
    return { kind: 'retry', waitMs: Math.max(Math.round(delayMs * (1 + JITTER_SHARE * random())), askedMs), reason }
  }
  // Asked for again without most of the earlier conversation (next-step.ts).
  if (last.fault === 'too-long' && failures.filter(({ fault }) => fault === last.fault).length === 1) {
    return { kind: 'retry', waitMs: 0, reason }
  }
  if (last.fault === 'malformed' && alike <= MALFORMED_RETRIES_MAX) return { kind: 'retry', waitMs: 0, reason }
  return { kind: 'end', ending: { end: 'model-error', text: `${describeFault({ ...last, message: reason })} ${KEPT}` } }
}

const isPassing = (fault: ModelFailure['fault']): boolean => ['overloaded', 'unreachable', 'silent'].includes(fault)

const KEPT = 'What was done so far is kept.'

const park = (reason: string): RetryPlan => ({
  kind: 'end',
  ending: {
    end: 'parked',
    text: `I get no answer: ${reason}. I parked this: what was done so far is kept, and your next message, for instance "go on", goes on with it.`,
  },
})

const describeFault = ({ fault, status, message }: ModelFailure): string => {
  if (fault === 'unauthorized') return 'The model service refused the key. Check ANTHROPIC_API_KEY, then say it again.'
  if (fault === 'unpaid') return 'The model service says that the account has no credit. Add some, then say it again.'
  if (fault === 'malformed') {
    return `The model's answers did not parse, ${MALFORMED_RETRIES_MAX + 1} times (${message}). Nothing of them was run; say it again to retry.`
  }
  if (fault === 'too-long') {
    return `This does not fit into the model, even with most of the earlier conversation left out (${message}). Ask for less at a time, or choose a model with a larger context (PLAITED_MODEL).`
  }
  return `The model service rejected the request (${message}).${REJECTED_MENDS.get(status) ?? ''}`
}

const REJECTED_MENDS: ReadonlyMap<number | null, string> = new Map([
  [404, ' Check the name of the model (PLAITED_MODEL).'],
])

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

const formatRest = (ms: number): string =>
  ms < 2 * HOUR_MS ? `${Math.ceil(ms / MINUTE_MS)} minutes` : `${Math.ceil(ms / HOUR_MS)} hours`
