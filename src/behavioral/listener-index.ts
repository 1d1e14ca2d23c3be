/**
 * Finds the parked threads that listen for an event without asking those that cannot. Listeners that name their types
 * (strings and `on`) live in one bucket per type; bare predicates live in a bucket that every event visits.
 *
 * A bucket is an array in the order of parking, because a decision walks it far more often than threads park. Waking a
 * thread only marks its entries; a bucket is compacted once half of it is marked, which keeps removal O(1) amortised.
 * A predicate that throws neither ends the walk nor is lost: it comes back as a failure.
 */
import type { BPEvent, BPListener, BPPredicate, ObservedEvent } from './behavioral.types.ts'
import type { Failure, ListenerBucket, ListenerEntry, Match, Thread } from './thread.types.ts'

/** See the head of the file. */
export type ListenerIndex = {
  readonly add: (thread: Thread, sequence: number, listeners: readonly BPListener[]) => readonly ListenerEntry[]
  readonly remove: (entries: readonly ListenerEntry[]) => void
  readonly match: (event: BPEvent) => Match
}

/** Builds an empty index; `throwMatches` says whether a predicate that throws counts as a match. */
export const createListenerIndex = ({ throwMatches }: { readonly throwMatches: boolean }): ListenerIndex => {
  const typed = new Map<string, ListenerBucket>()
  const untyped: ListenerBucket = { type: undefined, entries: [], retiredCount: 0 }

  const bucketOf = (type: string): ListenerBucket => {
    const existing = typed.get(type)
    if (existing !== undefined) return existing
    const bucket: ListenerBucket = { type, entries: [], retiredCount: 0 }
    typed.set(type, bucket)
    return bucket
  }

  const add: ListenerIndex['add'] = (thread, sequence, listeners) => {
    if (listeners.length === 0) return NO_ENTRIES
    const added: ListenerEntry[] = []
    const insert = (bucket: ListenerBucket, predicate: BPPredicate): void => {
      const entry = { thread, sequence, predicate, bucket, isLive: true }
      bucket.entries.push(entry)
      added.push(entry)
    }
    for (const listener of listeners) {
      if (typeof listener === 'string') insert(bucketOf(listener), matchAlways)
      else if (typeof listener === 'function') insert(untyped, listener)
      else for (const type of listener.types) insert(bucketOf(type), listener.predicate)
    }
    return added
  }

  const remove: ListenerIndex['remove'] = (entries) => {
    for (const entry of entries) {
      const { bucket } = entry
      entry.isLive = false
      bucket.retiredCount += 1
      if (bucket.retiredCount * 2 < bucket.entries.length) continue
      bucket.entries = bucket.entries.filter(({ isLive }) => isLive)
      bucket.retiredCount = 0
      if (bucket.type !== undefined && bucket.entries.length === 0) typed.delete(bucket.type)
    }
  }

  const match: ListenerIndex['match'] = (event) => {
    const bucket = typed.get(event.type)
    if (bucket === undefined && untyped.entries.length === 0) return NO_MATCH
    const observed = event as ObservedEvent
    const matches: ListenerEntry[] = []
    const failures: Failure[] = []
    const walk = ({ entries }: ListenerBucket): void => {
      for (const entry of entries) {
        const { predicate } = entry
        try {
          if (entry.isLive && predicate(observed)) matches.push(entry)
        } catch (error) {
          failures.push({ thread: entry.thread, error })
          if (throwMatches) matches.push(entry)
        }
      }
    }
    if (bucket !== undefined) walk(bucket)
    walk(untyped)
    return { threads: threadsInOrder(matches), failures }
  }

  return { add, remove, match }
}

// Nothing listens: the answer for most events, shared so that it costs nothing.
const NO_MATCH: Match = Object.freeze({ threads: Object.freeze([]), failures: Object.freeze([]) })

const NO_ENTRIES: readonly ListenerEntry[] = Object.freeze([])

const matchAlways: BPPredicate = () => true

const threadsInOrder = (matches: ListenerEntry[]): readonly Thread[] => {
  if (matches.length === 0) return NO_MATCH.threads
  return matches.sort((a, b) => a.sequence - b.sequence).map(({ thread }) => thread)
}
