import type { BPErrorReport, BPEvent } from './behavioral.types.ts'
import { isBPEvent } from './is-bp-event.ts'
import { createListenerIndex } from './listener-index.ts'
import { copyEvent, type ParsedIdioms } from './parse-idioms.ts'
import type { Candidate, Match, Thread } from './thread.types.ts'

/** The threads at their synchronisation points, indexed by what they request and listen for. */
export type ParkedThreads = {
  readonly park: (thread: Thread, idioms: ParsedIdioms) => void
  readonly unpark: (thread: Thread) => void
  /** Every request by priority, then by order of parking; templates are called. */
  readonly candidates: () => Candidate[]
  /** Threads that forbid the event. A block that throws forbids it too. */
  readonly blockers: (event: BPEvent) => Match
  /** Threads that wait for the event. A listener that throws does not match. */
  readonly waiters: (event: BPEvent) => Match
  /** Threads that the event ends. A listener that throws does not match. */
  readonly interrupted: (event: BPEvent) => Match
  /** Threads whose own request the selected event fulfils, whoever made it. */
  readonly fulfilled: (selected: Pick<Candidate, 'event' | 'template'>) => readonly Thread[]
}

/** Builds an empty set of parked threads. */
export const createParkedThreads = (report: (report: BPErrorReport) => void): ParkedThreads => {
  const blocks = createListenerIndex({ throwMatches: true })
  const waits = createListenerIndex({ throwMatches: false })
  const interrupts = createListenerIndex({ throwMatches: false })
  const requesting = new Set<Thread>()
  let parkings = 0

  const park: ParkedThreads['park'] = (thread, idioms) => {
    const sequence = parkings++
    thread.parked = {
      sequence,
      request: idioms.request,
      block: blocks.add(thread, sequence, idioms.block),
      waitFor: waits.add(thread, sequence, idioms.waitFor),
      interrupt: interrupts.add(thread, sequence, idioms.interrupt),
    }
    if (idioms.request !== undefined) requesting.add(thread)
  }

  const unpark: ParkedThreads['unpark'] = (thread) => {
    if (thread.parked === undefined) return
    blocks.remove(thread.parked.block)
    waits.remove(thread.parked.waitFor)
    interrupts.remove(thread.parked.interrupt)
    requesting.delete(thread)
    thread.parked = undefined
  }

  const candidateOf = (thread: Thread): Candidate | undefined => {
    const request = thread.parked?.request
    if (typeof request !== 'function') return request && { thread, event: request, template: undefined }
    try {
      const event: unknown = request()
      if (event === undefined) return undefined
      if (!isBPEvent(event)) throw new TypeError('a request template must return an event')
      return { thread, event: copyEvent(event), template: request }
    } catch (error) {
      report({ kind: 'request', thread: thread.name, error })
      return undefined
    }
  }

  const candidates: ParkedThreads['candidates'] = () => {
    const found: Candidate[] = []
    for (const thread of requesting) {
      const candidate = candidateOf(thread)
      if (candidate !== undefined) found.push(candidate)
    }
    return found.sort((a, b) => a.thread.priority - b.thread.priority)
  }

  const fulfilled: ParkedThreads['fulfilled'] = ({ event, template }) => {
    const threads: Thread[] = []
    for (const thread of requesting) {
      const request = thread.parked?.request
      // A static request is fulfilled by type alone; a template only by the event that it, or its twin, computed.
      const isFulfilled = typeof request === 'function' ? request === template : request?.type === event.type
      if (isFulfilled) threads.push(thread)
    }
    return threads
  }

  return {
    park,
    unpark,
    candidates,
    blockers: blocks.match,
    waiters: waits.match,
    interrupted: interrupts.match,
    fulfilled,
  }
}
