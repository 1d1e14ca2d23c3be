/**
 * Who may enter the engine when, and how much one call may set off. Foreign code runs in two situations. In a feedback
 * handler the engine is between events: a call there nests, and runs its whole chain before it returns. In a thread body,
 * predicate, template, snapshot or error listener the engine is in the middle of an event and cannot be entered.
 */

/**
 * Events that one call from outside may set off, nested calls included: beyond it they are feeding each other for ever.
 * At about a microsecond each, the process stands still for a good part of a second before that is noticed.
 */
const EVENTS_PER_CALL_MAX = 250_000

/** Calls inside handlers of calls: each level is real stack, which ends at about 3,500 levels of empty handlers (Bun 1.4.5). */
const NESTED_CALLS_MAX = 500

/** See the head of the file. */
export type Turnstile = {
  readonly isMidEvent: () => boolean
  readonly isTooDeep: () => boolean
  /** Runs work in the middle of an event. What work throws comes out, and the engine can be entered again. */
  readonly enter: <Result>(work: () => Result) => Result
  /** Runs work, which must not throw, with the engine between events. */
  readonly betweenEvents: (work: () => void) => void
  /** Takes one event from the budget of the outermost call; `false` when nothing is left. */
  readonly spendEvent: () => boolean
}

/** Builds the turnstile of one engine. */
export const createTurnstile = (): Turnstile => {
  let isMidEvent = false
  let depth = 0
  let eventsLeft = EVENTS_PER_CALL_MAX
  return {
    isMidEvent: () => isMidEvent,
    isTooDeep: () => depth >= NESTED_CALLS_MAX,
    enter: (work) => {
      if (depth === 0) eventsLeft = EVENTS_PER_CALL_MAX
      depth += 1
      isMidEvent = true
      try {
        return work()
      } finally {
        depth -= 1
        isMidEvent = false
      }
    },
    betweenEvents: (work) => {
      isMidEvent = false
      work()
      isMidEvent = true
    },
    spendEvent: () => {
      if (eventsLeft === 0) return false
      eventsLeft -= 1
      return true
    },
  }
}
