/** Codes that the owner carries from one place to another by typing them: 8 of 20 consonants, which spell no words (RFC 8628, 6.1). */
import { randomInt } from 'node:crypto'

const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ'
const HALF_CHARACTERS = 4

/** A new code as it is shown: `BCDF-GHJK`, one of 20^8. */
export const createOwnerCode = (): string => {
  const half = () => Array.from({ length: HALF_CHARACTERS }, () => LETTERS[randomInt(LETTERS.length)]).join('')
  return `${half()}-${half()}`
}

/** The code that a text is, and nothing else, in the form in which it is shown; null when it is none. */
export const parseOwnerCode = (text: string): string | null => {
  const letters = text.trim().toUpperCase().replace(/[\s-]/g, '')
  const isCode = letters.length === 2 * HALF_CHARACTERS && [...letters].every((letter) => LETTERS.includes(letter))
  return isCode ? `${letters.slice(0, HALF_CHARACTERS)}-${letters.slice(HALF_CHARACTERS)}` : null
}
