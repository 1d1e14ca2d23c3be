import type { Clock } from '../utils/clock.ts'

export const HOUR_MS = 3_600_000

/** At most so many within a sliding span of time. */
export type RateLimit = { readonly take: () => boolean }

export const createRateLimit = (
  clock: Clock,
  {
    max,
    spanMs,
    earlier = [],
  }: { readonly max: number; readonly spanMs: number; readonly earlier?: readonly number[] },
): RateLimit => {
  let taken: readonly number[] = earlier
  return {
    take: () => {
      const now = clock.now()
      // A time that is still to come was noted before the clock was set back: it counts, or setting it back would reset us.
      taken = taken.filter((at) => at > now - spanMs)
      if (taken.length >= max) return false
      taken = [...taken, now]
      return true
    },
  }
}
