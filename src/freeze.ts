/**
 * Two STOPs within a minute freeze the node: it runs no turn until the owner says `resume`. Kept in the journal, so that a
 * restart does not thaw it.
 */
import type { Journal } from './agent/journal.ts'
import type { Clock } from './utils/clock.ts'

/** A second STOP within this time means it. */
const FREEZE_WITHIN_MS = 60_000

export type Freeze = {
  /** Notes a STOP; true when the node is frozen after it. */
  readonly noteStop: () => boolean
  readonly isFrozen: () => boolean
  /** False when it was not frozen. */
  readonly resume: () => boolean
}

export const isFrozen = (journal: Journal): boolean =>
  (journal.newest('node.freeze')?.seq ?? 0) > (journal.newest('node.resume')?.seq ?? 0)

export const createFreeze = (journal: Journal, clock: Clock): Freeze => {
  let lastStopAt = Number.NEGATIVE_INFINITY
  return {
    noteStop: () => {
      const again = clock.now() - lastStopAt < FREEZE_WITHIN_MS
      lastStopAt = clock.now()
      if (again && !isFrozen(journal)) journal.append({ type: 'node.freeze', turn: null, payload: {} })
      return isFrozen(journal)
    },
    isFrozen: () => isFrozen(journal),
    resume: () => {
      if (!isFrozen(journal)) return false
      lastStopAt = Number.NEGATIVE_INFINITY
      journal.append({ type: 'node.resume', turn: null, payload: {} })
      return true
    },
  }
}
