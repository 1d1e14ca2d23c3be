import { Refusal } from './refusal.ts'
import { FILE_BYTES_MAX } from './text-file.ts'

/**
 * Replaces `oldString` literally: once where it occurs exactly once, everywhere with `replaceAll`. An occurrence that
 * overlaps another counts as well, because then it is not clear which one was meant. @throws {Refusal}
 */
export const replaceText = (
  text: string,
  { oldString, newString, replaceAll }: { oldString: string; newString: string; replaceAll: boolean },
): { readonly text: string; readonly count: number } => {
  if (oldString === '') throw new Refusal('old_string is empty; write the file instead')
  if (oldString === newString) throw new Refusal('old_string and new_string are the same')
  const first = text.indexOf(oldString)
  if (first === -1) throw new Refusal('old_string does not occur in it')
  if (replaceAll) {
    const pieces = text.split(oldString)
    const count = pieces.length - 1
    // Before it is put together: many occurrences of a long text would fill the memory.
    const bytes = Buffer.byteLength(text) + count * (Buffer.byteLength(newString) - Buffer.byteLength(oldString))
    if (bytes > FILE_BYTES_MAX) throw new Refusal(`the content would be over the limit of ${FILE_BYTES_MAX} bytes`)
    return { text: pieces.join(newString), count }
  }
  if (text.includes(oldString, first + 1))
    throw new Refusal('old_string occurs more than once in it; add lines around it, or set replace_all')
  return { text: text.slice(0, first) + newString + text.slice(first + oldString.length), count: 1 }
}
