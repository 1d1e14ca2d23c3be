// Characters that make a reader see something other than what is there (CVE-2021-42574): controls, a carriage return
// without its line feed, line separators, and every format character (bidirectional, zero-width, tags), private-use or
// lone surrogate; then blanks that no category names: fillers, Mongolian and other variation selectors.
/** One such character. */
export const UNSAFE_CHARACTER = new RegExp(
  [
    '[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u2028\\u2029]',
    '\\r(?!\\n)',
    '[\\p{Cf}\\p{Co}\\p{Cs}]',
    '[\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u3164\\ufe00-\\ufe0f\\uffa0]',
    '[\\u{e0100}-\\u{e01ef}]',
  ].join('|'),
  'u',
)

const UNSAFE_CHARACTERS = new RegExp(UNSAFE_CHARACTER, 'gu')

/** A text as a literal of the rule language, on one line and with every invisible character in sight. */
export const quoteText = (text: string): string => {
  const plain = text
    .replaceAll(/[\\']/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('\r', '\\r')
  return `'${plain.replace(UNSAFE_CHARACTERS, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)}'`
}

/** Whether a text shows all that it says. */
export const isPlainText = (text: string): boolean => !UNSAFE_CHARACTER.test(text)
