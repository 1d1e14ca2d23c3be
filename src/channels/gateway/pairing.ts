/**
 * A code of six digits, shown where the node was started, that is worth one token: it works once, and is void after five
 * wrong tries of anyone or after ten minutes. A further one is made by starting the node again.
 */
import { randomInt, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../utils/clock.ts'

/** 5 tries against a million codes. */
const WRONG_TRIES_MAX = 5
const CODE_LIFE_MS = 10 * 60_000
const DIGITS = 6

export type Pairing = {
  /** What `redeem` takes once. */
  readonly code: string
  /** `void`: this was the last wrong try. `closed`: there is no code any more. */
  readonly redeem: (given: string) => 'paired' | 'wrong' | 'void' | 'closed'
}

const newDigits = (): string => String(randomInt(10 ** DIGITS)).padStart(DIGITS, '0')

export const openPairing = (clock: Clock, code: string = newDigits()): Pairing => {
  const expiresAt = clock.now() + CODE_LIFE_MS
  let triesLeft = WRONG_TRIES_MAX
  return {
    code,
    redeem: (given) => {
      if (triesLeft === 0 || clock.now() >= expiresAt) return 'closed'
      const isRight = /^\d{6}$/.test(given) && timingSafeEqual(Buffer.from(given), Buffer.from(code))
      triesLeft = isRight ? 0 : triesLeft - 1
      if (isRight) return 'paired'
      return triesLeft === 0 ? 'void' : 'wrong'
    },
  }
}
