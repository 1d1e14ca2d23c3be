/** Ranges of UTF-16 code units, inclusive, in any order. JavaScript patterns without the `u` flag match code units. */
export type CharacterSet = readonly (readonly [number, number])[]

const UNIT_MAX = 0xffff
const SURROGATE_MIN = 0xd800
const SURROGATE_MAX = 0xdfff
// re2 reads code points. Each surrogate unit is moved to a code point of its own in plane 16, in pattern and text alike,
// so that one unit stays one character for both engines.
const SURROGATE_SHIFT = 0x100000 - SURROGATE_MIN

const DIGIT: CharacterSet = [[0x30, 0x39]]
/** `\w`. */
export const WORD: CharacterSet = [...DIGIT, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]
/** ECMA-262 WhiteSpace and LineTerminator; re2's own `\s` knows ASCII only. */
const SPACE: CharacterSet = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
]
const LINE_END: CharacterSet = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
]

/** Every code unit that is not in the set. */
export const complementOf = (set: CharacterSet): CharacterSet => {
  const gaps: (readonly [number, number])[] = []
  let next = 0
  for (const [low, high] of set.toSorted((a, b) => a[0] - b[0])) {
    if (low > next) gaps.push([next, low - 1])
    next = Math.max(next, high + 1)
  }
  if (next <= UNIT_MAX) gaps.push([next, UNIT_MAX])
  return gaps
}

/** `.`: all but the line terminators, or everything with the `s` flag. */
export const dotSet = (dotAll: boolean): CharacterSet => (dotAll ? [[0, UNIT_MAX]] : complementOf(LINE_END))

/** `\d \D \w \W \s \S`. */
export const classEscapes: ReadonlyMap<string, CharacterSet> = new Map([
  ['d', DIGIT],
  ['D', complementOf(DIGIT)],
  ['w', WORD],
  ['W', complementOf(WORD)],
  ['s', SPACE],
  ['S', complementOf(SPACE)],
])

/**
 * Adds the other case of every ASCII letter: all that JavaScript's `i` does to ASCII without the `u` flag
 * (ECMA-262 Canonicalize never maps a character beyond ASCII onto one within). Patterns with `i` and letters beyond
 * ASCII are refused before this.
 */
export const withBothCases = (set: CharacterSet): CharacterSet => {
  const both = [...set]
  for (const [low, high] of set) {
    const lower = [Math.max(low, 0x61), Math.min(high, 0x7a)] as const
    const upper = [Math.max(low, 0x41), Math.min(high, 0x5a)] as const
    if (lower[0] <= lower[1]) both.push([lower[0] - 0x20, lower[1] - 0x20])
    if (upper[0] <= upper[1]) both.push([upper[0] + 0x20, upper[1] + 0x20])
  }
  return both
}

/** The set in re2's syntax. */
export const re2ClassOf = (set: CharacterSet): string => {
  const only = set.length === 1 && set[0]?.[0] === set[0]?.[1] ? (set[0]?.[0] ?? null) : null
  if (only !== null && /^[A-Za-z0-9]$/.test(String.fromCharCode(only))) return String.fromCharCode(only)
  return `[${set.flatMap(withoutSurrogates).map(re2Range).join('')}]`
}

const re2Range = ([low, high]: readonly [number, number]): string =>
  low === high ? `\\x{${low.toString(16)}}` : `\\x{${low.toString(16)}}-\\x{${high.toString(16)}}`

const withoutSurrogates = ([low, high]: readonly [number, number]): (readonly [number, number])[] => {
  const parts: (readonly [number, number])[] = [
    [low, Math.min(high, SURROGATE_MIN - 1)],
    [Math.max(low, SURROGATE_MIN) + SURROGATE_SHIFT, Math.min(high, SURROGATE_MAX) + SURROGATE_SHIFT],
    [Math.max(low, SURROGATE_MAX + 1), high],
  ]
  return parts.filter(([from, to]) => from <= to)
}

const HAS_SURROGATE = /[\ud800-\udfff]/

/** The text as `re2ClassOf` expects it: one code point for each UTF-16 unit. */
export const textForRe2 = (text: string): string => {
  if (!HAS_SURROGATE.test(text)) return text
  let moved = ''
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index)
    const isSurrogate = unit >= SURROGATE_MIN && unit <= SURROGATE_MAX
    moved += isSurrogate ? String.fromCodePoint(unit + SURROGATE_SHIFT) : text.charAt(index)
  }
  return moved
}
