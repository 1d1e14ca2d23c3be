import type { BPErrorReport, BPEvent, Decision, SnapshotEntry, SnapshotMessage } from './behavioral.types.ts'
import type { ParkedThreads } from './parked-threads.ts'
import type { Publisher } from './publisher.ts'
import { EXTERNAL_PRIORITY, externalName } from './running-threads.ts'
import type { Candidate, Match } from './thread.types.ts'

/** Chooses among the requests of parked threads. */
export type Selection = {
  /** The unblocked request of the highest priority, if there is one. Snapshot listeners see it before it takes effect. */
  readonly select: () => Candidate | undefined
  /** Who reacts to a selected event; predicates that throw are reported and do not match. */
  readonly reactionsTo: (event: BPEvent) => Reactions
}

/** The parked threads that an event moves besides those that requested it. */
export type Reactions = { readonly waiters: Match; readonly interrupted: Match }

/** What a selection reads and whom it tells. */
export type SelectionContext = {
  readonly parked: ParkedThreads
  readonly snapshots: Publisher<SnapshotMessage>
  readonly report: (report: BPErrorReport) => void
}

/** Builds the selection of one engine. */
export const createSelection = ({ parked, snapshots, report }: SelectionContext): Selection => {
  const reportFailures = ({ failures }: Match, kind: 'block' | 'waitFor' | 'interrupt', { type }: BPEvent): void => {
    for (const { thread, error } of failures) report({ kind, thread: thread.name, type, error })
  }

  const select: Selection['select'] = () => {
    const candidates = parked.candidates()
    const isObserved = snapshots.hasListeners()
    const blockedBy = new Map<Candidate, string>()
    let selected: Candidate | undefined
    for (const candidate of candidates) {
      const blockers = parked.blockers(candidate.event)
      reportFailures(blockers, 'block', candidate.event)
      const [first] = blockers.threads
      if (first === undefined) selected ??= candidate
      else blockedBy.set(candidate, first.name)
      if (selected !== undefined && !isObserved) break
    }
    if (isObserved && candidates.length > 0) {
      snapshots.publish(
        candidates.map((candidate) => {
          const { thread, event } = candidate
          return {
            thread: thread.name,
            trigger: thread.isExternal,
            selected: event.type === selected?.event.type,
            type: event.type,
            detail: event.detail,
            priority: thread.priority,
            blockedBy: blockedBy.get(candidate),
            // A look ahead: a listener that throws here throws again, and is reported, once the event is selected.
            interrupts: parked.interrupted(event).threads[0]?.name,
          }
        }),
      )
    }
    return selected
  }

  const reactionsTo: Selection['reactionsTo'] = (event) => {
    const waiters = parked.waiters(event)
    const interrupted = parked.interrupted(event)
    reportFailures(waiters, 'waitFor', event)
    reportFailures(interrupted, 'interrupt', event)
    return { waiters, interrupted }
  }

  return { select, reactionsTo }
}

/** The only candidate of a decision's own selection, as snapshot listeners see it. */
export const decisionEntry = (event: BPEvent, decision: Decision, { interrupted }: Reactions): SnapshotEntry => ({
  thread: externalName(event),
  trigger: true,
  selected: decision.allowed,
  type: event.type,
  detail: event.detail,
  priority: EXTERNAL_PRIORITY,
  blockedBy: decision.blockedBy[0],
  interrupts: interrupted.threads[0]?.name,
})
