import type { BThread } from './behavioral.types.ts'

/**
 * Joins rules into one thread that runs them in order: once, for ever (`true`), or for as long as a function, asked
 * before each round, says so. A repeated round must reach a synchronisation point, otherwise it never gives way.
 * @throws {Error} when nothing is to be repeated.
 */
export const bThread: BThread = (rules, repeat) => {
  const steps = [...rules]
  if (steps.length === 0 && repeat !== undefined) {
    throw new Error('bThread: repeating an empty list of rules would never reach a synchronisation point')
  }
  const round = function* () {
    for (const step of steps) yield* step()
  }
  if (repeat === undefined) return round
  return function* () {
    while (repeat === true || repeat()) yield* round()
  }
}
