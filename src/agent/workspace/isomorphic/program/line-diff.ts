/** Lines `[aStart, aEnd)` of the one text stand where the other has `[bStart, bEnd)`. */
export type Hunk = { readonly aStart: number; readonly aEnd: number; readonly bStart: number; readonly bEnd: number }

/** Edits up to which the shortest way is looked for; its memory grows with their square (1,000: 4 MB). */
const EDITS_MAX = 1_000

/** Lines with their ends, so that joining them gives the text back. */
export const splitLines = (text: string): readonly string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? []

/**
 * What differs between two texts, in order (E. Myers, An O(ND) Difference Algorithm, 1986). Texts that differ in more than
 * EDITS_MAX lines differ, between their common start and end, as a whole.
 */
export const diffLines = (a: readonly string[], b: readonly string[]): readonly Hunk[] => {
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let aEnd = a.length
  let bEnd = b.length
  while (aEnd > start && bEnd > start && a[aEnd - 1] === b[bEnd - 1]) {
    aEnd--
    bEnd--
  }
  if (start === aEnd && start === bEnd) return []
  const whole = { aStart: start, aEnd, bStart: start, bEnd }
  if (start === aEnd || start === bEnd) return [whole]
  const kept = keptLines(a.slice(start, aEnd), b.slice(start, bEnd))
  return kept === null ? [whole] : hunksBetween(kept, whole)
}

type Kept = { readonly a: number; readonly b: number }

/** Pairs of equal lines that a shortest edit keeps; null when it is too long. */
const keptLines = (a: readonly string[], b: readonly string[]): readonly Kept[] | null => {
  const history: Int32Array[] = []
  const furthest = new Int32Array(2 * EDITS_MAX + 3)
  const middle = EDITS_MAX + 1
  const reach = (diagonal: number): number => furthest[middle + diagonal] ?? 0
  for (let edits = 0; edits <= EDITS_MAX; edits++) {
    history.push(furthest.slice(middle - edits - 1, middle + edits + 2))
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && reach(k - 1) < reach(k + 1))
      let x = down ? reach(k + 1) : reach(k - 1) + 1
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++
      furthest[middle + k] = x
      if (x >= a.length && x - k >= b.length) return walkBack(history, a.length, b.length)
    }
  }
  return null
}

const walkBack = (history: readonly Int32Array[], aLength: number, bLength: number): readonly Kept[] => {
  const kept: Kept[] = []
  let x = aLength
  let y = bLength
  for (let edits = history.length - 1; edits >= 0; edits--) {
    const before = history[edits] ?? new Int32Array()
    const reach = (diagonal: number): number => before[edits + 1 + diagonal] ?? 0
    const k = x - y
    const down = k === -edits || (k !== edits && reach(k - 1) < reach(k + 1))
    const fromK = down ? k + 1 : k - 1
    const fromX = edits === 0 ? 0 : reach(fromK)
    const fromY = edits === 0 ? 0 : fromX - fromK
    while (x > fromX && y > fromY) kept.push({ a: --x, b: --y })
    x = fromX
    y = fromY
  }
  return kept.reverse()
}

const hunksBetween = (kept: readonly Kept[], whole: Hunk): readonly Hunk[] => {
  const hunks: Hunk[] = []
  let a = whole.aStart
  let b = whole.bStart
  const until = (aEnd: number, bEnd: number): void => {
    if (a < aEnd || b < bEnd) hunks.push({ aStart: a, aEnd, bStart: b, bEnd })
    a = aEnd + 1
    b = bEnd + 1
  }
  for (const pair of kept) until(whole.aStart + pair.a, whole.bStart + pair.b)
  until(whole.aEnd, whole.bEnd)
  return hunks
}
