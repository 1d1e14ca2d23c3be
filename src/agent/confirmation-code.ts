/** Codes by which an owner says yes to one thing: they never reach a model, and only their hash is kept. */
import { createHash, randomInt } from 'node:crypto'

/** 20^8 codes; consonants spell no word. */
const CODE_LETTERS = 'bcdfghjklmnpqrstvwxz'
const CODE_LENGTH = 8
const CODE = new RegExp(`^[${CODE_LETTERS}]{${CODE_LENGTH}}$`)

export const isConfirmationCode = (text: string): boolean => CODE.test(text)

export const createConfirmationCode = (): string =>
  Array.from({ length: CODE_LENGTH }, () => CODE_LETTERS[randomInt(CODE_LETTERS.length)]).join('')

/** `bound` is what the code confirms: it confirms nothing else. */
export const hashConfirmationCode = (code: string, bound = ''): string =>
  createHash('sha256').update(`${code}\0${bound}`).digest('hex')
