import type { BPErrorReport, RulesFunction, SetOptions, ThreadStatus } from './behavioral.types.ts'
import { contain } from './error-reports.ts'
import type { Failure, Thread } from './thread.types.ts'

/** The named threads of a program, from `set` until they end. */
export type ThreadRegistry = {
  readonly set: (threads: Readonly<Record<string, RulesFunction>>, options?: SetOptions) => void
  readonly has: (name: string) => ThreadStatus
  /** Frees the name of a thread that ended; a strict one is remembered with the reason instead. */
  readonly end: (thread: Thread, reason: unknown) => void
  /** Strict threads that are no longer on guard. */
  readonly fallen: () => readonly Failure[]
}

/** Builds an empty registry that hands new threads to `running`. */
export const createThreadRegistry = (running: Set<Thread>, report: (report: BPErrorReport) => void): ThreadRegistry => {
  const named = new Map<string, Thread>()
  const fallen = new Map<string, Failure>()

  const add = (name: string, generator: Thread['generator'], isStrict: boolean): void => {
    const priority = running.size + 1
    const thread = { name, generator, isStrict, priority, isExternal: false, parked: undefined, wokenBy: undefined }
    named.set(name, thread)
    running.add(thread)
  }

  const openBody = (name: string, rules: RulesFunction): Thread['generator'] => {
    if (named.has(name) || fallen.has(name)) throw new DuplicateThread(name)
    const body: unknown = typeof rules === 'function' ? rules() : undefined
    if (isGenerator(body)) return body
    throw new TypeError(`thread ${name} must be a generator function, as bThread makes them`)
  }

  const set: ThreadRegistry['set'] = (threads, { strict = false } = {}) => {
    const entries = Object.entries(threads)
    if (strict) {
      // All or none: a guard that is missing because its neighbour was refused would be a hole.
      const opened = entries.map(([name, rules]) => ({ name, generator: openBody(name, rules) }))
      for (const { name, generator } of opened) add(name, generator, true)
      return
    }
    for (const [name, rules] of entries) {
      contain(
        () => add(name, openBody(name, rules), false),
        (error) => report({ kind: error instanceof DuplicateThread ? 'duplicate' : 'thread', thread: name, error }),
      )
    }
  }

  return {
    set,
    has: (name) => {
      const thread = named.get(name)
      return { running: thread !== undefined && thread.parked === undefined, pending: thread?.parked !== undefined }
    },
    end: (thread, error) => {
      if (thread.isExternal) return
      named.delete(thread.name)
      if (thread.isStrict) fallen.set(thread.name, { thread, error })
    },
    fallen: () => (fallen.size === 0 ? NONE_FALLEN : [...fallen.values()]),
  }
}

class DuplicateThread extends Error {
  constructor(name: string) {
    super(`thread ${name} exists: names are unique, and a thread is not replaced while it lives`)
    this.name = 'DuplicateThread'
  }
}

const NONE_FALLEN: readonly Failure[] = Object.freeze([])

const isGenerator = (body: unknown): body is Thread['generator'] =>
  typeof body === 'object' &&
  body !== null &&
  'next' in body &&
  typeof body.next === 'function' &&
  'return' in body &&
  typeof body.return === 'function'
