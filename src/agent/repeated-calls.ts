/**
 * Finds a model that goes in circles: the same tool with the same input, again and again with nothing else in between.
 * It is told so once, instead of a result; when it insists in a later answer, the turn ends. A cycle of several different
 * calls is not found here; the limit of steps ends it.
 */
import { canonicalJson, type Json } from '../utils/canonical-json.ts'
import type { JournalEvent } from './journal.ts'
import { isKept, isToolUse, readReply, resultKey } from './projection.ts'

/** Twice may be a second look at what changed meanwhile. */
const IDENTICAL_CALLS_MAX = 2

/** `told`: not run, the model reads why. `insists`: it had read that and called again. */
export type Repetition = 'told' | 'insists'

/** The calls of a turn that are one too many, by their result's ref. A word of the owner begins the count anew. */
export const findRepetitions = (events: readonly JournalEvent[]): ReadonlyMap<string, Repetition> => {
  const found = new Map<string, Repetition>()
  let last: Call | null = null
  let count = 0
  let toldIn: string | null = null
  for (const call of events.flatMap(callsOf)) {
    count = call !== null && call.words === last?.words ? count + 1 : 1
    last = call
    if (call === null || count <= IDENTICAL_CALLS_MAX) continue
    if (count === IDENTICAL_CALLS_MAX + 1) toldIn = call.answer
    found.set(call.ref, toldIn === call.answer ? 'told' : 'insists')
  }
  return found
}

type Call = { readonly ref: string; readonly answer: string | null; readonly words: string }

/** null stands for a word of the owner. */
const callsOf = (event: JournalEvent): readonly (Call | null)[] => {
  if (event.type === 'message.in') return [null]
  if (event.type !== 'model.message') return []
  const reply = readReply(event)
  const uses = isKept(reply) ? reply.content.filter(isToolUse) : []
  return uses.map(({ id, name, input }) => ({
    ref: resultKey(event.ref, id),
    answer: event.ref,
    words: canonicalJson([name, input as Json]), // it was read from JSON
  }))
}
