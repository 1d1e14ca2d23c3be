/**
 * Rests after faults of one channel: each further one in a row is twice as long, with jitter, so that all that failed
 * together does not come back together. What the service asks for is honoured, within reason.
 */
import type { Timing } from '../utils/timing.ts'
import type { ChannelError } from './channel-error.ts'

/** The first rest after a fault; each further one is twice as long. */
const REST_MIN_MS = 1000
/** An owner who comes back to a restored channel does not wait longer than this for what was kept. */
const REST_MAX_MS = 5 * 60_000
/** A refused password does not mend itself: asking often only uses up the attempts that the service allows. */
const REST_AUTH_MS = 15 * 60_000
/** A service that asks for more than this is asked earlier nevertheless. */
const RETRY_AFTER_MAX_MS = 60 * 60_000
/** A rest is shorter by up to this share. What the service itself asked for is never cut short. */
const JITTER_SHARE = 0.5

export type BackOff = {
  /** How long to rest after this fault, in milliseconds. */
  readonly next: (error: ChannelError) => number
  readonly reset: () => void
}

export const createBackOff = ({ random }: Pick<Timing, 'random'>): BackOff => {
  let faults = 0
  return {
    next: ({ fault, retryAfterMs }) => {
      const longest = fault === 'auth-failed' ? REST_AUTH_MS : Math.min(REST_MIN_MS * 2 ** faults++, REST_MAX_MS)
      const own = longest * (1 - JITTER_SHARE * random())
      return Math.max(own, Math.min(retryAfterMs ?? 0, RETRY_AFTER_MAX_MS))
    },
    reset: () => {
      faults = 0
    },
  }
}
