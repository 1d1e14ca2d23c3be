/**
 * The motor of the engine. A super-step repeats: bring running threads to their synchronisation points, select a
 * request, wake whom it concerns, tell the feedback handlers; until nothing can be selected. It is a loop, so that a
 * chain of internal events may be as long as it likes. A `trigger` in the middle of an event waits until the current
 * chain is over; a `decide` there is refused.
 *
 * It does not stop a thread that never yields, nor a predicate that never returns.
 */
import type { BPErrorReport, BPEvent, Decision, SnapshotMessage } from './behavioral.types.ts'
import { type Judgement, judge, refuse } from './judgement.ts'
import type { ParkedThreads } from './parked-threads.ts'
import { copyEvent } from './parse-idioms.ts'
import type { Publisher } from './publisher.ts'
import type { RunningThreads } from './running-threads.ts'
import { decisionEntry, type Reactions, type Selection } from './selection.ts'
import type { Candidate, Failure, Thread } from './thread.types.ts'
import { createTurnstile } from './turnstile.ts'

/** The three ways in. */
export type SuperStep = {
  readonly trigger: (event: BPEvent) => void
  readonly decide: (event: BPEvent) => Decision
  readonly explain: (event: BPEvent) => Decision
}

/** The parts that a super-step drives. */
export type SuperStepContext = {
  readonly running: ReadonlySet<Thread>
  readonly threads: RunningThreads
  readonly parked: ParkedThreads
  readonly selection: Selection
  readonly fallen: () => readonly Failure[]
  readonly feedback: Publisher<BPEvent>
  readonly snapshots: Publisher<SnapshotMessage>
  readonly report: (report: BPErrorReport) => void
}

/** Builds the motor of one engine. */
export const createSuperStep = (context: SuperStepContext): SuperStep => {
  const { running, threads, parked, selection, snapshots } = context
  const turnstile = createTurnstile()
  const waiting: BPEvent[] = []

  const happen = (selected: Pick<Candidate, 'event' | 'template'>, { waiters, interrupted }: Reactions): void => {
    const woken = new Set([...interrupted.threads, ...waiters.threads, ...parked.fulfilled(selected)])
    threads.wake(selected.event, woken, { interrupted: new Set(interrupted.threads) })
  }
  const tellHandlers = (event: BPEvent): void => turnstile.betweenEvents(() => context.feedback.publish(event))
  const reportLimit = ({ type }: BPEvent, reason: string): void =>
    context.report({ kind: 'limit', type, error: new Error(reason) })

  const run = (): void => {
    while (running.size > 0) {
      threads.advance()
      const selected = selection.select()
      if (selected === undefined) break
      if (!turnstile.spendEvent()) {
        reportLimit(
          selected.event,
          'events set each other off without end; the program rests here until the next event',
        )
        break
      }
      happen(selected, selection.reactionsTo(selected.event))
      tellHandlers(selected.event)
    }
  }

  const runExternal = (event: BPEvent): void => {
    threads.addExternal(event, { isSelected: false })
    run()
  }

  const enter = <Result>(work: () => Result): Result =>
    turnstile.enter(() => {
      const result = work()
      for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) {
        if (turnstile.spendEvent()) runExternal(event)
        else reportLimit(event, 'listeners trigger without end; this event is dropped')
      }
      return result
    })

  const ask = (event: BPEvent): Judgement => {
    threads.advance()
    return judge(event, parked, context.fallen())
  }

  return {
    trigger: (event) => {
      const copy = copyEvent(event)
      if (turnstile.isMidEvent()) waiting.push(copy)
      else if (turnstile.isTooDeep()) reportLimit(copy, 'handlers nest triggers too deeply; this event is dropped')
      else enter(() => runExternal(copy))
    },
    decide: (event) => {
      if (turnstile.isMidEvent() || turnstile.isTooDeep()) return refuse(NOT_NOW)
      return enter(() => {
        const { decision, reactions } = ask(event)
        if (snapshots.hasListeners()) snapshots.publish([decisionEntry(event, decision, reactions)])
        if (!decision.allowed) return decision
        happen({ event, template: undefined }, reactions)
        threads.addExternal(event, { isSelected: true })
        tellHandlers(event)
        run()
        return decision
      })
    },
    explain: (event) => {
      if (turnstile.isMidEvent() || turnstile.isTooDeep()) return refuse(NOT_NOW)
      return enter(() => ask(event).decision)
    },
  }
}

const NOT_NOW = 'an engine in the middle of an event cannot decide: ask from outside or from a feedback handler'
