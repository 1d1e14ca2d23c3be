import type { BPEvent, BPListener, RequestTemplate } from './behavioral.types.ts'
import { isBPEvent } from './is-bp-event.ts'

/** What a thread yielded, checked: every listener field is a list, a static request a private copy. */
export type ParsedIdioms = {
  readonly request: BPEvent | RequestTemplate | undefined
  readonly block: readonly BPListener[]
  readonly waitFor: readonly BPListener[]
  readonly interrupt: readonly BPListener[]
}

/**
 * Checks what a thread yielded. A malformed listener is refused rather than ignored: a block that never matches would
 * let everything through.
 * @throws {TypeError} naming the field.
 */
export const parseIdioms = (value: unknown): ParsedIdioms => {
  if (typeof value !== 'object' || value === null) throw new TypeError('a thread must yield an object of idioms')
  return {
    request: 'request' in value ? parseRequest(value.request) : undefined,
    block: 'block' in value ? parseListeners('block', value.block) : NO_LISTENERS,
    waitFor: 'waitFor' in value ? parseListeners('waitFor', value.waitFor) : NO_LISTENERS,
    interrupt: 'interrupt' in value ? parseListeners('interrupt', value.interrupt) : NO_LISTENERS,
  }
}

/** A private frozen copy, so that a predicate cannot change the type or swap the detail of what is being selected. */
export const copyEvent = ({ type, detail }: BPEvent): BPEvent => Object.freeze({ type, detail })

const NO_LISTENERS: readonly BPListener[] = Object.freeze([])

const parseRequest = (request: unknown): BPEvent | RequestTemplate | undefined => {
  if (request === undefined || isTemplate(request)) return request
  if (isBPEvent(request)) return copyEvent(request)
  throw new TypeError('request must be an event or a function that makes one')
}

const parseListeners = (field: string, value: unknown): readonly BPListener[] => {
  if (value === undefined) return NO_LISTENERS
  const listeners: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (listeners.every(isListener)) return listeners
  throw new TypeError(`${field} takes event types, predicates and on(...), alone or in an array`)
}

const isTemplate = (request: unknown): request is RequestTemplate => typeof request === 'function'

const isListener = (value: unknown): value is BPListener => {
  if (typeof value === 'string' || typeof value === 'function') return true
  if (typeof value !== 'object' || value === null || !('types' in value) || !('predicate' in value)) return false
  return Array.isArray(value.types) && typeof value.predicate === 'function'
}
