/** Time as a dependency, so that tests move it instead of sleeping. */
export type Clock = {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

export const systemClock: Clock = { now: () => Date.now() }

/** Milliseconds since the epoch as ISO 8601 in UTC. */
export const formatInstant = (ms: number): string => new Date(ms).toISOString()
