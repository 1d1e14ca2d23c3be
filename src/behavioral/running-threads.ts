import type { BPErrorReport, BPEvent } from './behavioral.types.ts'
import { contain } from './error-reports.ts'
import type { ParkedThreads } from './parked-threads.ts'
import { parseIdioms } from './parse-idioms.ts'
import type { Thread } from './thread.types.ts'
import type { ThreadRegistry } from './thread-registry.ts'

/** Lower than the priority of any thread, hence before them all. */
export const EXTERNAL_PRIORITY = 0

/** The name under which the thread of an external event is reported. */
export const externalName = ({ type }: BPEvent): string => `Symbol(${type})`

/** The threads on their way to a synchronisation point. */
export type RunningThreads = {
  /**
   * Adds the one-shot thread of an external event: it requests the event and is woken by any other. `isSelected` when
   * the event was selected already, so that the thread has only its end before it.
   */
  readonly addExternal: (event: BPEvent, options: { readonly isSelected: boolean }) => void
  /** Brings every running thread to its next synchronisation point, in order; threads added meanwhile too. */
  readonly advance: () => void
  /** Makes parked threads run, in the order of parking; interrupted ones run to their end. */
  readonly wake: (event: BPEvent, woken: Set<Thread>, options: { readonly interrupted: ReadonlySet<Thread> }) => void
}

/** What running threads need from the engine around them. */
export type RunningThreadsContext = {
  readonly running: Set<Thread>
  readonly parked: ParkedThreads
  readonly endThread: ThreadRegistry['end']
  readonly report: (report: BPErrorReport) => void
}

/** Builds the mover of running threads. */
export const createRunningThreads = ({ running, parked, endThread, report }: RunningThreadsContext): RunningThreads => {
  const addExternal: RunningThreads['addExternal'] = (event, { isSelected }) => {
    const generator = requestOnce(event)
    if (isSelected) generator.return()
    const name = externalName(event)
    const priority = EXTERNAL_PRIORITY
    running.add({ name, generator, isStrict: false, priority, isExternal: true, parked: undefined, wokenBy: undefined })
  }

  const advanceOne = (thread: Thread): void => {
    const { generator, wokenBy } = thread
    try {
      const { done, value } = wokenBy === undefined ? generator.next() : generator.next(wokenBy)
      // An Error takes longer to make than a decision; nobody asks why a spent trigger ended.
      if (done === true) endThread(thread, thread.isExternal ? null : new Error(`thread ${thread.name} has ended`))
      else parked.park(thread, parseIdioms(value))
    } catch (error) {
      report({ kind: 'thread', thread: thread.name, ...(wokenBy && { type: wokenBy.type }), error })
      endThread(thread, error)
    }
  }

  const advance: RunningThreads['advance'] = () => {
    for (const thread of running) {
      advanceOne(thread)
      running.delete(thread)
    }
  }

  const wake: RunningThreads['wake'] = (event, woken, { interrupted }) => {
    const inOrder = [...woken].sort((a, b) => (a.parked?.sequence ?? 0) - (b.parked?.sequence ?? 0))
    for (const thread of inOrder) {
      parked.unpark(thread)
      thread.wokenBy = event
      running.add(thread)
      if (!interrupted.has(thread)) continue
      contain(
        () => void thread.generator.return(),
        (error) => report({ kind: 'thread', thread: thread.name, type: event.type, error }),
      )
    }
  }

  return { addExternal, advance, wake }
}

function* requestOnce(event: BPEvent): Thread['generator'] {
  yield { request: event, waitFor: () => true }
}
