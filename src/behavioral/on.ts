import type { BPPredicate, Detail, TypedListener } from './behavioral.types.ts'

/**
 * A predicate for the named event types only. The engine indexes it by type, so that a thousand such rules cost an
 * unrelated event nothing.
 * @throws {Error} when no type is named: such a rule could never match.
 */
export const on = <D = Detail>(types: string | readonly string[], predicate: BPPredicate<D>): TypedListener => {
  const distinct = [...new Set(typeof types === 'string' ? [types] : types)]
  if (distinct.length === 0) throw new Error('on: name at least one event type')
  if (typeof predicate !== 'function') throw new Error('on: the predicate must be a function')
  return Object.freeze({ types: Object.freeze(distinct), predicate })
}
