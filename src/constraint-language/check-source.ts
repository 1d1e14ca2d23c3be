import { SOURCE_BYTES_MAX } from './limits.ts'
import type { RuleFileFault } from './rule.types.ts'

// Characters that make a reader see something other than what is there (CVE-2021-42574): controls, a carriage return
// without its line feed, line separators, and every format character (bidirectional, zero-width, tags), private-use or
// lone surrogate; then blanks that no category names: fillers, Mongolian and other variation selectors.
const UNSAFE_CHARACTER = new RegExp(
  [
    '[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u2028\\u2029]',
    '\\r(?!\\n)',
    '[\\p{Cf}\\p{Co}\\p{Cs}]',
    '[\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u3164\\ufe00-\\ufe0f\\uffa0]',
    '[\\u{e0100}-\\u{e01ef}]',
  ].join('|'),
  'u',
)

/** Refuses a text that is too large or that shows something other than it says, before anything parses it. */
export const checkSource = (source: string): RuleFileFault | null => {
  const bytes = new TextEncoder().encode(source).length
  if (bytes > SOURCE_BYTES_MAX) {
    const message = `the file has ${bytes} bytes, more than ${SOURCE_BYTES_MAX}`
    return { line: 1, column: 1, message, fix: 'split it into several files' }
  }
  const unsafe = UNSAFE_CHARACTER.exec(source)
  if (unsafe === null) return null
  const before = source.slice(0, unsafe.index).split('\n')
  const code = (source.codePointAt(unsafe.index) ?? 0).toString(16).padStart(4, '0')
  return {
    line: before.length,
    column: (before.at(-1)?.length ?? 0) + 1,
    message: `the invisible or reordering character U+${code.toUpperCase()}`,
    fix: `remove it; inside a string write it as the escape \\u{${code}}`,
  }
}
