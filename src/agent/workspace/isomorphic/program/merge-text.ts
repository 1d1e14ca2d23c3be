import { diffLines, type Hunk, splitLines } from './line-diff.ts'

type Side = { readonly lines: readonly string[]; readonly hunks: readonly Hunk[] }

/** git takes a file for binary when one of its first bytes, this many, is zero. */
const BINARY_SEARCH_CHARS = 8_000

export const isBinary = (text: string): boolean => text.slice(0, BINARY_SEARCH_CHARS).includes('\0')

/**
 * Puts the changes of two sides together; null where they overlap or touch and differ, which is a conflict for git too.
 * Binary texts always conflict.
 */
export const mergeText = (base: string, ours: string, theirs: string): string | null => {
  if ([base, ours, theirs].some(isBinary)) return null
  const lines = splitLines(base)
  const sideOf = (text: string): Side => {
    const own = splitLines(text)
    return { lines: own, hunks: diffLines(lines, own) }
  }
  const sides = [sideOf(ours), sideOf(theirs)] as const
  const merged: string[] = []
  let at = 0
  for (const { start, end, hunks } of groupHunks(sides)) {
    merged.push(...lines.slice(at, start))
    const texts = sides.flatMap((side, which) => {
      const own = hunks[which] ?? []
      return own.length === 0 ? [] : [replaced(side, own, { start, end })]
    })
    const [text = '', other = text] = texts
    if (text !== other) return null
    merged.push(text)
    at = end
  }
  merged.push(...lines.slice(at))
  return merged.join('')
}

type Group = { start: number; end: number; readonly hunks: readonly [Hunk[], Hunk[]] }

/** Hunks of both sides that overlap or touch in the base, together. */
const groupHunks = (sides: readonly [Side, Side]): readonly Group[] => {
  const all = sides.flatMap(({ hunks }, which) => hunks.map((hunk) => ({ hunk, which })))
  const groups: Group[] = []
  for (const { hunk, which } of all.sort((a, b) => a.hunk.aStart - b.hunk.aStart || a.hunk.aEnd - b.hunk.aEnd)) {
    let group = groups.at(-1)
    if (group === undefined || hunk.aStart > group.end) {
      group = { start: hunk.aStart, end: hunk.aEnd, hunks: [[], []] }
      groups.push(group)
    }
    group.end = Math.max(group.end, hunk.aEnd)
    group.hunks[which === 0 ? 0 : 1].push(hunk)
  }
  return groups
}

/** What a side has in the place of base lines `[start, end)`: its hunks, and the unchanged lines around them. */
const replaced = (
  { lines }: Side,
  hunks: readonly Hunk[],
  { start, end }: { readonly start: number; readonly end: number },
): string => {
  const [first] = hunks
  const last = hunks.at(-1)
  if (first === undefined || last === undefined) return ''
  return lines.slice(first.bStart - (first.aStart - start), last.bEnd + (end - last.aEnd)).join('')
}
