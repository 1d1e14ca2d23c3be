/**
 * The semantics of the engine written down as plainly as possible: two maps, recursion, no indexes, no containment of
 * errors. It is the oracle of the property tests and serves no other purpose.
 */
import type { BPEvent, BPListener, Handlers, Idioms, RulesFunction, SnapshotEntry } from '../behavioral.types.ts'

type NaiveThread = {
  readonly generator: Generator<Idioms, void, BPEvent>
  readonly priority: number
  readonly isTrigger: boolean
  idioms: Idioms
  wokenBy: BPEvent | undefined
}

type NaiveCandidate = { readonly id: string | symbol; readonly thread: NaiveThread; readonly event: BPEvent }

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: one closure is the plainest form of the description
export const naiveEngine = () => {
  const running = new Map<string | symbol, NaiveThread>()
  const pending = new Map<string | symbol, NaiveThread>()
  const handlers = new Set<Handlers>()
  const snapshotListeners = new Set<(message: readonly SnapshotEntry[]) => void>()

  const run = (): void => {
    if (running.size > 0) step()
  }

  const step = (): void => {
    for (const [id, thread] of running) {
      const { done, value } = thread.wokenBy ? thread.generator.next(thread.wokenBy) : thread.generator.next()
      if (done !== true) pending.set(id, Object.assign(thread, { idioms: value }))
      running.delete(id)
    }
    select()
  }

  const select = (): void => {
    const candidates: NaiveCandidate[] = []
    for (const [id, thread] of pending) {
      const { request } = thread.idioms
      const event = typeof request === 'function' ? request() : request
      if (event !== undefined) candidates.push({ id, thread, event })
    }
    candidates.sort((a, b) => a.thread.priority - b.thread.priority)
    const selected = candidates.find(({ event }) => firstMatch('block', event) === undefined)
    // A deadlock is published as well: the one addition to what the original did.
    if (candidates.length > 0) publishSnapshot(candidates, selected)
    if (selected !== undefined) advance(selected)
  }

  const advance = (selected: NaiveCandidate): void => {
    const { event } = selected
    const selectedRequest = selected.thread.idioms.request
    for (const [id, thread] of pending) {
      const { request } = thread.idioms
      const isInterrupted = matchesAny(thread.idioms.interrupt, event)
      const isWaiting = matchesAny(thread.idioms.waitFor, event)
      const isRequested = typeof request === 'function' ? request === selectedRequest : request?.type === event.type
      if (isInterrupted) thread.generator.return()
      if (!isInterrupted && !isWaiting && !isRequested) continue
      pending.delete(id)
      running.set(id, Object.assign(thread, { wokenBy: event }))
    }
    for (const subscribed of handlers) void subscribed[event.type]?.(event.detail)
    run()
  }

  const firstMatch = (idiom: 'block' | 'interrupt', event: BPEvent): string | undefined => {
    for (const [id, thread] of pending) if (matchesAny(thread.idioms[idiom], event)) return String(id)
    return undefined
  }

  const publishSnapshot = (candidates: NaiveCandidate[], selected: NaiveCandidate | undefined): void => {
    const message = candidates.map(({ id, thread, event }) => ({
      thread: String(id),
      trigger: thread.isTrigger,
      selected: event.type === selected?.event.type,
      type: event.type,
      detail: event.detail,
      priority: thread.priority,
      blockedBy: firstMatch('block', event),
      interrupts: firstMatch('interrupt', event),
    }))
    for (const listener of snapshotListeners) listener(message)
  }

  const add = (id: string | symbol, generator: NaiveThread['generator'], isTrigger: boolean): void => {
    const priority = isTrigger ? 0 : running.size + 1
    running.set(id, { generator, priority, isTrigger, idioms: {}, wokenBy: undefined })
  }

  return {
    bThreads: {
      set: (threads: Record<string, RulesFunction>): void => {
        for (const [name, rules] of Object.entries(threads)) {
          if (!running.has(name) && !pending.has(name)) add(name, rules(), false)
        }
      },
      has: (name: string) => ({ running: running.has(name), pending: pending.has(name) }),
    },
    trigger: (event: BPEvent): void => {
      add(Symbol(event.type), requestOnce(event), true)
      run()
    },
    useFeedback: (subscribed: Handlers): void => void handlers.add(subscribed),
    useSnapshot: (listener: (message: readonly SnapshotEntry[]) => void): void => void snapshotListeners.add(listener),
  }
}

function* requestOnce(event: BPEvent): NaiveThread['generator'] {
  yield { request: event, waitFor: () => true }
}

const matchesAny = (listeners: Idioms['block'], { type, detail }: BPEvent): boolean =>
  [listeners ?? []].flat().some((listener: BPListener) => {
    if (typeof listener === 'string') return listener === type
    if (typeof listener === 'function') return listener({ type, detail })
    return listener.types.includes(type) && listener.predicate({ type, detail })
  })
