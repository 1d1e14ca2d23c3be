import type { BPEvent, BPPredicate, Idioms, RequestTemplate } from './behavioral.types.ts'

/** A thread as the engine holds it. An external event is one too: a thread that requests it once. */
export type Thread = {
  /** As reports and snapshots show it. */
  readonly name: string
  readonly isExternal: boolean
  /** See `SetOptions.strict`. */
  readonly isStrict: boolean
  /** Lower wins. */
  readonly priority: number
  readonly generator: Generator<Idioms, void, BPEvent>
  /** What the thread waits at; `undefined` while it runs. */
  parked: ParkedSync | undefined
  /** The event that woke it, handed to the generator at its next step. */
  wokenBy: BPEvent | undefined
}

/** A synchronisation point, checked and indexed. */
export type ParkedSync = {
  /** Order of parking, which breaks ties. */
  readonly sequence: number
  readonly request: BPEvent | RequestTemplate | undefined
  readonly block: readonly ListenerEntry[]
  readonly waitFor: readonly ListenerEntry[]
  readonly interrupt: readonly ListenerEntry[]
}

/** One listener of a parked thread in one bucket of an index. */
export type ListenerEntry = {
  readonly thread: Thread
  readonly sequence: number
  readonly predicate: BPPredicate
  readonly bucket: ListenerBucket
  /** Cleared when the thread wakes; the bucket drops the entry at its next compaction. */
  isLive: boolean
}

/** The listeners for one event type, in the order of parking. */
export type ListenerBucket = { readonly type: string | undefined; entries: ListenerEntry[]; retiredCount: number }

/**
 * The threads whose listeners match an event, in the order of parking and once per matching listener, and the threads
 * whose predicate threw.
 */
export type Match = { readonly threads: readonly Thread[]; readonly failures: readonly Failure[] }

/** A thread and what it threw. */
export type Failure = { readonly thread: Thread; readonly error: unknown }

/** A request that takes part in a selection. */
export type Candidate = {
  readonly thread: Thread
  readonly event: BPEvent
  /** Set when the event was computed; threads sharing the template are fulfilled together. */
  readonly template: RequestTemplate | undefined
}
