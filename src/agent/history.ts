/**
 * The earlier conversation that goes along with a request: as many whole turns as fit, newest first. What was long in
 * them is shortened, because one large result must not push out everything that was said before it.
 */
import type { Journal, JournalEvent } from './journal.ts'

/** Bytes of earlier turns, as JSON, after shortening; `short` is for a model that this was too much for. */
const HISTORY_BYTES_MAX = { full: 96_000, short: 12_000 } as const
/** Earlier turns that are looked at. */
const HISTORY_TURNS_MAX = 64
/** The window's start moves in steps of this many turns, so that the cached prefix holds for the turns between. */
const HISTORY_STEP_TURNS = 8
/** Characters of any text of an earlier turn: a command's output, a written file, a reply. */
const EARLIER_TEXT_CHARACTERS_MAX = 4000

/** Journal entries of earlier turns, oldest first. */
export const selectHistory = (
  journal: Journal,
  current: string,
  length: keyof typeof HISTORY_BYTES_MAX,
): readonly JournalEvent[] => {
  const turns: (readonly JournalEvent[])[] = []
  let bytes = 0
  for (const id of journal.turnsBefore(current, HISTORY_TURNS_MAX)) {
    // What a failed attempt had streamed is not sent, so it takes no room either.
    const sent = journal.ofTurn(id).filter((event) => event.type !== 'model.error')
    const events = sent.map(shorten)
    bytes += Buffer.byteLength(JSON.stringify(events))
    if (bytes > HISTORY_BYTES_MAX[length]) break
    turns.push(events)
  }
  return turns
    .slice(0, alignWindow(turns.length, journal.turnCountBefore(current)))
    .reverse()
    .flat()
}

/** The window begins at the 1st, 9th, 17th ... of all turns, as far as that leaves any of the `fitting` newest. */
const alignWindow = (fitting: number, all: number): number => {
  const left = Math.ceil((all - fitting) / HISTORY_STEP_TURNS) * HISTORY_STEP_TURNS
  return left < all ? all - left : fitting
}

const shorten = (event: JournalEvent): JournalEvent => ({ ...event, payload: shortenValue(event.payload) })

const shortenValue = (value: unknown): unknown => {
  if (typeof value === 'string') return shortenText(value)
  if (Array.isArray(value)) return value.filter((member) => !isThinking(member)).map(shortenValue)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shortenValue(member)]))
}

const shortenText = (text: string): string =>
  text.length <= EARLIER_TEXT_CHARACTERS_MAX
    ? text
    : `${text.slice(0, EARLIER_TEXT_CHARACTERS_MAX).toWellFormed()}\n[shortened: ${text.length} characters]`

/** Signed as a whole, so it cannot be shortened; a service does not ask for that of earlier turns. */
const isThinking = (value: unknown): boolean =>
  value !== null &&
  typeof value === 'object' &&
  'type' in value &&
  (value.type === 'thinking' || value.type === 'redacted_thinking')
