/**
 * Cuts a text into parts that each fit the limits of a channel, in order. It cuts behind a paragraph where one ends in the
 * later half of what fits, else behind a line, else behind a word, else between two grapheme clusters. Only white space at
 * a cut is dropped. Where the channel shows markdown, a code fence that is open at a cut is closed there, and opened again
 * in the next part.
 */

/** null: no limit. Graphemes are extended grapheme clusters (Unicode UAX 29), bytes are those of UTF-8. */
export type TextLimits = { readonly graphemesMax: number | null; readonly bytesMax: number | null }

/** An info string beyond this is not repeated when its fence is opened again. */
const FENCE_INFO_CHARACTERS_MAX = 20
/** Closing and opening a fence may take this share of a part; where that is not enough, fences are left as they are. */
const FENCE_SHARE_MAX = 0.5
/** A cut at a paragraph, a line or a word leaves at least this share of what would fit. */
const FILLED_SHARE_MIN = 0.5

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

export const splitText = (
  text: string,
  { markdown, ...limits }: TextLimits & { readonly markdown: boolean },
): readonly string[] => {
  if (limits.graphemesMax === null && limits.bytesMax === null) return [text]
  const parts: string[] = []
  const roomWithFences = markdown ? shrinkForFences(text, limits) : null
  const keepsFences = roomWithFences !== null
  const room = roomWithFences ?? limits
  let rest = text
  let fence: string | null = null
  while (rest !== '') {
    const opening = fence === null ? '' : `${fence}\n`
    if (fits(opening + rest, limits)) return [...parts, opening + rest]
    const [part, next] = cut(rest, room, keepsFences)
    if (!keepsFences) parts.push(part)
    else {
      const after = fenceAfter(part, fence)
      parts.push(opening + part + (after === null ? '' : `\n${markOf(after)}`))
      fence = after
    }
    rest = fence === null ? next : withoutClosing(next, markOf(fence))
    if (rest !== next) fence = null
  }
  return parts.length === 0 ? [text] : parts
}

/** What is left beside the longest fences; null when there are none, or too little would be left. */
const shrinkForFences = (text: string, { graphemesMax, bytesMax }: TextLimits): TextLimits | null => {
  const reserve = fenceReserve(text)
  const smallest = Math.min(graphemesMax ?? Number.POSITIVE_INFINITY, bytesMax ?? Number.POSITIVE_INFINITY)
  if (reserve === 0 || reserve > smallest * FENCE_SHARE_MAX) return null
  return {
    graphemesMax: graphemesMax === null ? null : graphemesMax - reserve,
    bytesMax: bytesMax === null ? null : bytesMax - reserve,
  }
}

const fits = (text: string, limits: TextLimits): boolean => fitting(text, limits) === text.length

/** How many UTF-16 units from the start fit, ending between two grapheme clusters; at least one code point. */
const fitting = (text: string, { graphemesMax, bytesMax }: TextLimits): number => {
  let end = 0
  let count = 0
  let bytes = 0
  for (const { segment } of graphemes.segment(text)) {
    bytes += Buffer.byteLength(segment)
    if (++count > (graphemesMax ?? count) || bytes > (bytesMax ?? bytes)) break
    end += segment.length
  }
  return end > 0 || text === '' ? end : fittingPoints(text, bytesMax ?? Number.POSITIVE_INFINITY)
}

/** One cluster alone is over the limit (a base with thousands of marks): it is cut between code points. */
const fittingPoints = (text: string, bytesMax: number): number => {
  let end = 0
  let bytes = 0
  for (const point of text) {
    bytes += Buffer.byteLength(point)
    if (end > 0 && bytes > bytesMax) break
    end += point.length
  }
  return end
}

/** Where to cut, best first: the white space that is dropped there. Inside code an indentation is not dropped. */
const BREAKS = [/\n[^\S\n]*\n\s*?(?=[^\n]|$)/g, /\r?\n/g, /[^\S\n]+/g] as const

const cut = (text: string, limits: TextLimits, keepsFences: boolean): readonly [string, string] => {
  const end = fitting(text, limits)
  // One character further: white space right behind what fits is a good place too.
  const window = text.slice(0, end + 1)
  for (const pattern of BREAKS) {
    const found = lastBreak(window, pattern, end)
    if (found && found.start >= end * FILLED_SHARE_MIN) {
      const rest = text.slice(found.end)
      return [text.slice(0, found.start), keepsFences ? rest : rest.replace(/^[\r\n]+/, '')]
    }
  }
  return [text.slice(0, end), text.slice(end)]
}

const lastBreak = (window: string, pattern: RegExp, end: number): { start: number; end: number } | null => {
  const found = [...window.matchAll(pattern)].findLast(({ index }) => index > 0 && index <= end)
  return found ? { start: found.index, end: found.index + found[0].length } : null
}

const FENCE = /^ {0,3}(`{3,}|~{3,})([^\n`]*)$/gm

/** The line that opened the fence which is open at the end, shortened; null when none is. */
const fenceAfter = (text: string, before: string | null): string | null => {
  let open = before
  for (const [, mark = '', info = ''] of text.matchAll(FENCE)) {
    if (open === null) open = openingLine(mark, info)
    else if (mark.startsWith(markOf(open)) && info.trim() === '') open = null
  }
  return open
}

const openingLine = (mark: string, info: string): string =>
  info.trim().length > FENCE_INFO_CHARACTERS_MAX ? mark : `${mark}${info.trim()}`

/** A fence that was closed at the cut needs no second closing: the part would hold an empty block. */
const withoutClosing = (text: string, mark: string): string => {
  const [line = ''] = text.split('\n', 1)
  const closes = line.trim().startsWith(mark) && /^ {0,3}(?:`+|~+)\s*$/.test(line)
  return closes ? text.slice(line.length).replace(/^[\r\n]+/, '') : text
}

const markOf = (opening: string): string => /^(`+|~+)/.exec(opening)?.[0] ?? ''

/** What opening one fence and closing another takes at most, in bytes; 0 when the text has none. */
const fenceReserve = (text: string): number => {
  const fences = [...text.matchAll(FENCE)].map(([, mark = '', info = '']) => openingLine(mark, info))
  const longest = (lines: readonly string[]) => lines.reduce((most, line) => Math.max(most, Buffer.byteLength(line)), 0)
  return fences.length === 0 ? 0 : longest(fences) + longest(fences.map(markOf)) + '\n\n'.length
}
