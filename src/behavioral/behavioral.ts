/**
 * Behavioral programming: a program is a set of threads, each a generator that stops at synchronisation points and
 * declares there which event it requests, which it waits for, which it blocks and which would end it. The engine selects
 * one requested, unblocked event at a time and resumes every thread that requested or awaited it. What a thread blocks
 * cannot happen, whoever wants it: that is what makes threads usable as rules.
 *
 * `trigger` sends an event in without asking. `decide` asks first: its event is a candidate of exactly one selection, the
 * answer names everyone who objects, and a denied event leaves no trace. Both run to quiescence before they return, and
 * neither throws: errors of threads, listeners and handlers go to `onError`, and never count as consent.
 *
 * Predicates see the event object itself, not a copy for each: callers of `decide` deep-freeze it. Threads that were set
 * but have not run start with the next event or question, also with `explain`, since only then is known what they block.
 */
import type {
  Behavioral,
  BehavioralOptions,
  BPEvent,
  EventDetails,
  Handlers,
  SnapshotMessage,
} from './behavioral.types.ts'
import { createErrorReports } from './error-reports.ts'
import { createParkedThreads } from './parked-threads.ts'
import { createPublisher } from './publisher.ts'
import { createRunningThreads } from './running-threads.ts'
import { createSelection } from './selection.ts'
import { createSuperStep } from './super-step.ts'
import type { Thread } from './thread.types.ts'
import { createThreadRegistry } from './thread-registry.ts'

/** Builds an engine without threads. */
export const behavioral = <Details extends EventDetails = EventDetails>({
  onError,
}: BehavioralOptions = {}): Behavioral<Details> => {
  const { report, kept } = createErrorReports(onError)
  const feedback = createPublisher<BPEvent>((error, { type }) => report({ kind: 'handler', type, error }))
  const snapshots = createPublisher<SnapshotMessage>((error) => report({ kind: 'snapshot', error }))

  const running = new Set<Thread>()
  const parked = createParkedThreads(report)
  const registry = createThreadRegistry(running, report)
  const threads = createRunningThreads({ running, parked, endThread: registry.end, report })
  const selection = createSelection({ parked, snapshots, report })
  const { fallen } = registry
  const superStep = createSuperStep({ running, threads, parked, selection, fallen, feedback, snapshots, report })

  return Object.freeze({
    bThreads: { set: registry.set, has: registry.has },
    ...superStep,
    useFeedback: (handlers: Handlers<Details>) =>
      feedback.subscribe(({ type, detail }) => (Object.hasOwn(handlers, type) ? handlers[type]?.(detail) : undefined)),
    useSnapshot: snapshots.subscribe,
    errors: kept,
  })
}
