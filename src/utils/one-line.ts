import { escapeUnsafeCharacters } from './escape-unsafe-characters.ts'

/** Text of others as part of one line: what could end it, or deceive in it, is escaped. */
export const oneLine = (text: string): string =>
  escapeUnsafeCharacters(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t')
