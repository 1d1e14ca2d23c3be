import { Refusal } from './refusal.ts'

/** What one read may put into the model's context. */
export const LINES_MAX = 2000
export const SHOWN_BYTES_MAX = 50 * 1024

/**
 * The part of a text that a read shows: from line `offset` (1 is the first) `limit` lines, never more than the maxima. When
 * something after it is left out, a last line in brackets says where to read on. @throws {Refusal} past the end.
 */
export const showLines = (
  text: string,
  { offset, limit }: { readonly offset: number | null; readonly limit: number | null },
): { readonly text: string; readonly truncated: boolean } => {
  const first = Math.max(1, offset ?? 1)
  const lines = text.split(/(?<=\n)/) // each with its line end, so that joining gives the same bytes
  const count = text === '' ? 0 : lines.length
  if (first > Math.max(1, count)) throw new Refusal(`it has ${count} lines`)

  const shown: string[] = []
  let bytes = 0
  for (const line of lines.slice(first - 1, first - 1 + Math.min(limit ?? LINES_MAX, LINES_MAX))) {
    bytes += Buffer.byteLength(line)
    if (bytes > SHOWN_BYTES_MAX) break
    shown.push(line)
  }
  const last = first - 1 + shown.length
  if (last >= count) return { text: shown.join(''), truncated: false }
  if (shown.length === 0 && bytes > SHOWN_BYTES_MAX)
    return {
      text: `${headOf(lines[first - 1] ?? '')}\n[line ${first} is longer than ${SHOWN_BYTES_MAX} bytes; the rest of it is cut]`,
      truncated: true,
    }
  return {
    text: `${shown.join('')}[lines ${first} to ${last} of ${count}; read on with offset ${last + 1}]`,
    truncated: true,
  }
}

/** Cut at a whole character: a streaming decoder keeps an incomplete one for later. */
const headOf = (line: string): string =>
  new TextDecoder().decode(Buffer.from(line).subarray(0, SHOWN_BYTES_MAX), { stream: true })
