/**
 * Links a further identity to the owner: a code is shown in the terminal, where reaching it is the proof, and typed in the
 * channel by the identity that is to be linked. The code is never sent over a channel by the node, works once, and is void
 * after five wrong tries of anyone, after ten minutes, when a new one is made, and when the node ends.
 *
 * Whoever reads over the owner's shoulder can use it before them: therefore every link is announced on all other channels.
 */
import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../utils/clock.ts'
import { createOwnerCode, parseOwnerCode } from '../utils/owner-code.ts'

/** 5 tries against 20^8 codes. */
const WRONG_TRIES_MAX = 5
/** Enough to walk to the phone. */
const CODE_LIFE_MS = 10 * 60_000

export type LinkCode = {
  readonly code: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

export type LinkDesk = {
  readonly begin: () => LinkCode
  /** Judges what a stranger wrote, while a code is open; a text that is no code is not looked at. Uses the code up. */
  readonly redeem: (text: string) => 'linked' | 'wrong' | 'no-code'
}

export const createLinkDesk = (clock: Clock, newCode: () => string = createOwnerCode): LinkDesk => {
  let open: (LinkCode & { readonly triesLeft: number }) | null = null
  return {
    begin: () => {
      const made = { code: newCode(), expiresAt: clock.now() + CODE_LIFE_MS }
      open = { ...made, triesLeft: WRONG_TRIES_MAX }
      return made
    },
    redeem: (text) => {
      const typed = parseOwnerCode(text)
      if (open === null || typed === null || clock.now() >= open.expiresAt) return 'no-code'
      const isRight = timingSafeEqual(Buffer.from(typed), Buffer.from(open.code))
      const triesLeft = open.triesLeft - 1
      open = isRight || triesLeft === 0 ? null : { ...open, triesLeft }
      return isRight ? 'linked' : 'wrong'
    },
  }
}
