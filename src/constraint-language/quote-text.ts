import { escapeUnsafeCharacters } from '../utils/escape-unsafe-characters.ts'
import { UNSAFE_CHARACTERS } from '../utils/unsafe-characters.ts'

/** A character that hides or moves what is there; a carriage return is one unless a new line follows. */
export const UNSAFE_CHARACTER = new RegExp(`[${UNSAFE_CHARACTERS}]|\\r(?!\\n)`, 'u')

/** A text as a literal of the rule language, on one line and with every invisible character in sight. */
export const quoteText = (text: string): string => {
  const plain = text
    .replaceAll(/[\\']/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('\r', '\\r')
  return `'${escapeUnsafeCharacters(plain)}'`
}

/** Whether a text shows all that it says. */
export const isPlainText = (text: string): boolean => !UNSAFE_CHARACTER.test(text)
