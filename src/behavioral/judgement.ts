import type { BPEvent, Decision } from './behavioral.types.ts'
import type { ParkedThreads } from './parked-threads.ts'
import type { Reactions } from './selection.ts'
import type { Failure, Thread } from './thread.types.ts'

/** A decision and, when it allows, who will react to the event. */
export type Judgement = { readonly decision: Decision; readonly reactions: Reactions }

/**
 * Asks every parked thread about an external event and fails closed: a thread that blocks it, that throws while
 * answering, or that is no longer on guard denies it.
 */
export const judge = (event: BPEvent, parked: ParkedThreads, fallen: readonly Failure[]): Judgement => {
  const blockers = parked.blockers(event)
  const waiters = parked.waiters(event)
  const interrupted = parked.interrupted(event)
  const reactions = { waiters, interrupted }
  const isAllowed =
    blockers.threads.length + waiters.failures.length + interrupted.failures.length + fallen.length === 0
  if (isAllowed) return { decision: ALLOWED, reactions }

  const threw = [...blockers.failures, ...waiters.failures, ...interrupted.failures]
  const denying = new Set([...blockers.threads, ...threw.map(({ thread }) => thread)])
  const names = [...denying].sort(byParking).map(({ name }) => name)
  return {
    decision: {
      allowed: false,
      blockedBy: [...fallen.map(({ thread }) => thread.name), ...names],
      errors: [...fallen, ...threw].map(({ thread, error }) => ({ thread: thread.name, error })),
    },
    reactions,
  }
}

/** The answer of an engine that cannot ask its threads now; it stands in `blockedBy` under a name no thread is given. */
export const refuse = (reason: string): Decision => ({
  allowed: false,
  blockedBy: [ENGINE_NAME],
  errors: [{ thread: ENGINE_NAME, error: new Error(reason) }],
})

const ENGINE_NAME = '(engine)'

// Shared, because nearly every decision is this one.
const ALLOWED: Decision = Object.freeze({ allowed: true, blockedBy: Object.freeze([]), errors: Object.freeze([]) })

const byParking = (a: Thread, b: Thread): number => (a.parked?.sequence ?? 0) - (b.parked?.sequence ?? 0)
