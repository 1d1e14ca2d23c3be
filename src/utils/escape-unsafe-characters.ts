// Control, bidirectional-override, zero-width and tag characters can make a terminal or a reader show something other
// than what is there (CVE-2021-42574). New line and tab stay.
const UNSAFE_CHARACTERS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: naming them is the purpose
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu

/** Makes every invisible or reordering character visible as `\u{...}`. */
export const escapeUnsafeCharacters = (text: string): string =>
  text.replace(UNSAFE_CHARACTERS, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)

/** JSON that a terminal shows as it is: the same characters, as JSON's own escapes. */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value).replace(UNSAFE_CHARACTERS, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join(''),
  )
