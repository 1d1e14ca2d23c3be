/**
 * How often the log is asked for: every two seconds while owner and agent talk, then ever less often. Two seconds are 150
 * requests in five minutes, 5 % of what a server allows an address; the idle pace is 10.
 */
import type { Clock } from '../../utils/clock.ts'
import type { Timing } from '../../utils/timing.ts'

export const ACTIVE_PAUSE_MS = 2000
export const IDLE_PAUSE_MAX_MS = 30_000
/** Silence after which a conversation counts as over. */
const ACTIVE_FOR_MS = 2 * 60_000

export type PollPace = {
  /** Somebody said something: the next pauses are short, and the one that runs ends. */
  readonly stir: () => void
  readonly pause: (signal: AbortSignal) => Promise<void>
}

export const createPollPace = (clock: Clock, timing: Timing): PollPace => {
  let stirredAt = clock.now()
  let pauseMs = ACTIVE_PAUSE_MS
  let current: AbortController | null = null
  return {
    stir: () => {
      stirredAt = clock.now()
      current?.abort()
    },
    pause: async (signal) => {
      const isActive = clock.now() - stirredAt < ACTIVE_FOR_MS
      pauseMs = isActive ? ACTIVE_PAUSE_MS : Math.min(pauseMs * 2, IDLE_PAUSE_MAX_MS)
      const pause = new AbortController()
      const end = () => pause.abort()
      current = pause
      signal.addEventListener('abort', end)
      if (signal.aborted) end()
      await timing.wait(pauseMs, pause.signal)
      signal.removeEventListener('abort', end)
      current = null
    },
  }
}
