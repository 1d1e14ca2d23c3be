import { SOURCE_BYTES_MAX } from './limits.ts'
import { UNSAFE_CHARACTER } from './quote-text.ts'
import type { RuleFileFault } from './rule.types.ts'

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
