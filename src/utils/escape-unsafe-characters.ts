import { UNSAFE_CHARACTERS } from './unsafe-characters.ts'

const ESCAPED = new RegExp(`[\\r${UNSAFE_CHARACTERS}]`, 'gu')

/** Makes every invisible or reordering character visible as `\u{...}`; new line and tab stay. */
export const escapeUnsafeCharacters = (text: string): string =>
  text.replace(ESCAPED, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)

/** JSON that a terminal shows as it is: the same characters, as JSON's own escapes. */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value).replace(ESCAPED, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join(''),
  )
