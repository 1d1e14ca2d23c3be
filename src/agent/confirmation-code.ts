/**
 * Codes by which an owner says yes to one thing, once, within ten minutes. They never reach a model: whatever the owner
 * says passes `maskCodes` before it is stored for one.
 *
 * What is kept: the message that asks holds its code in plain text until it has left (`withoutCodeWords`), the one that
 * gives it as long as the inbox. Beside the question lies a hash, so that no list of open codes lies about; it is no
 * defence against whoever can read the state while a code is open, because 20^8 codes are quickly tried.
 */
import { createHash, randomInt } from 'node:crypto'

/** 20^8 codes; consonants spell no word. */
const CODE_LETTERS = 'bcdfghjklmnpqrstvwxz'
export const CODE_LENGTH = 8
const CODE = new RegExp(`^[${CODE_LETTERS}]{${CODE_LENGTH}}$`)
const CODE_WORD = new RegExp(`\\b[${CODE_LETTERS}]{${CODE_LENGTH}}\\b`, 'g')
/** `CODE`, `/CODE!`, `yes, CODE`: in any case and punctuation, and nothing besides. */
const CODE_SAID = new RegExp(`^\\W*(?:(?:confirm|yes|ok|okay)\\W+)?([${CODE_LETTERS}]{${CODE_LENGTH}})\\W*$`, 'i')

export const isConfirmationCode = (text: string): boolean => CODE.test(text)

/** The code that somebody gives as their whole answer; null when it is none. */
export const parseConfirmationCode = (text: string): string | null => CODE_SAID.exec(text)?.[1]?.toLowerCase() ?? null

export const createConfirmationCode = (): string =>
  Array.from({ length: CODE_LENGTH }, () => CODE_LETTERS[randomInt(CODE_LETTERS.length)]).join('')

/** `bound` is what the code confirms: it confirms nothing else. */
export const hashConfirmationCode = (code: string, bound = ''): string =>
  createHash('sha256').update(`${code}\0${bound}`).digest('hex')

/** Stands where a code was. */
export const MASKED_CODE = '(a code)'

/** A text of ours, when the one for whom it was has it: each word that could be a code is taken out. */
export const withoutCodeWords = (text: string): string => text.replaceAll(CODE_WORD, MASKED_CODE)

/** Takes out every code that `isValid`, also one with blanks or marks between its letters. */
export const maskCodes = (text: string, isValid: (code: string) => boolean): string => {
  let masked = ''
  let copied = 0
  let letters: { readonly letter: string; readonly at: number }[] = []
  for (let at = 0; at < text.length; at++) {
    const letter = text.charAt(at).toLowerCase()
    if (!CODE_LETTERS.includes(letter)) {
      if (/[\p{L}\p{N}]/u.test(letter)) letters = []
      continue
    }
    letters = [...letters, { letter, at }].slice(-CODE_LENGTH)
    const [first] = letters
    if (!first || letters.length < CODE_LENGTH || !isValid(letters.map((said) => said.letter).join(''))) continue
    masked += text.slice(copied, first.at) + MASKED_CODE
    copied = at + 1
    letters = []
  }
  return masked + text.slice(copied)
}
