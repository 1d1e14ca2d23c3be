/**
 * Reads the source of a JavaScript regular expression and writes the same language in re2's syntax.
 *
 * JavaScript and re2 disagree about `\s`, `.`, `$`, case folding, escapes and surrogates, so nothing is handed over as it
 * stands: every atom becomes an explicit character class. Groups capture nothing and laziness is dropped, because a rule
 * can only ask whether a pattern matches. Only patterns that acorn has accepted arrive here.
 */
import { type CharacterSet, classEscapes, complementOf, dotSet, re2ClassOf, withBothCases } from './character-set.ts'
import { PATTERN_STATES_MAX } from './limits.ts'
import type { PatternTree } from './pattern-tree.types.ts'

/**
 * Part of a pattern: its re2 text, its automaton's size, how many ways a backtracking engine has through it, and how many
 * characters it looks at when it tries all of them from one position.
 */
export type PatternPart = {
  readonly re2: string
  readonly states: number
  readonly paths: number
  readonly tries: number
  readonly tree: PatternTree
}

/** Says why a pattern is not part of the language. */
export class PatternRefusal extends Error {
  readonly fix: string
  constructor(message: string, fix: string) {
    super(message)
    this.name = 'PatternRefusal'
    this.fix = fix
  }
}

const GROUP_DEPTH_MAX = 20
const QUANTIFIER = /[*+?]|\{(\d+)(,?)(\d*)\}/y
const UNIT_ESCAPE = /x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|c([A-Za-z])/y
const CONTROL_ESCAPES: ReadonlyMap<string, number> = new Map([
  ['t', 0x09],
  ['n', 0x0a],
  ['v', 0x0b],
  ['f', 0x0c],
  ['r', 0x0d],
])

type Reader = {
  readonly source: string
  readonly ignoreCase: boolean
  readonly dotAll: boolean
  at: number
  depth: number
}

/** @throws {PatternRefusal} for what re2 cannot do in linear time, or would do differently. */
export const readPattern = (source: string, flags: string): PatternPart => {
  const reader = { source, ignoreCase: flags.includes('i'), dotAll: flags.includes('s'), at: 0, depth: 0 }
  const pattern = readAlternatives(reader)
  if (reader.at < source.length) throw new PatternRefusal('an unexpected `)`', 'write `\\)` for the character')
  return pattern
}

const readAlternatives = (reader: Reader): PatternPart => {
  reader.depth += 1
  if (reader.depth > GROUP_DEPTH_MAX) throw new PatternRefusal('groups nested too deeply', 'use fewer groups')
  const alternatives = [readSequence(reader)]
  while (reader.source[reader.at] === '|') {
    reader.at += 1
    alternatives.push(readSequence(reader))
  }
  reader.depth -= 1
  return limited({
    re2: alternatives.map(({ re2 }) => re2).join('|'),
    states: sum(alternatives.map(({ states }) => states)) + alternatives.length - 1,
    paths: sum(alternatives.map(({ paths }) => paths)),
    tries: sum(alternatives.map(({ tries }) => tries)),
    tree: { kind: 'choice', parts: alternatives.map(({ tree }) => tree) },
  })
}

const readSequence = (reader: Reader): PatternPart => {
  const parts: PatternPart[] = []
  while (reader.at < reader.source.length && !'|)'.includes(reader.source.charAt(reader.at))) {
    parts.push(readQuantified(reader))
  }
  return limited({
    re2: parts.map(({ re2 }) => re2).join(''),
    states: sum(parts.map(({ states }) => states)),
    ...inSequence(parts),
    tree: { kind: 'sequence', parts: parts.map(({ tree }) => tree) },
  })
}

const readQuantified = (reader: Reader): PatternPart => {
  const atom = readAtom(reader)
  QUANTIFIER.lastIndex = reader.at
  const found = QUANTIFIER.exec(reader.source)
  if (found === null) return atom
  reader.at = QUANTIFIER.lastIndex
  if (reader.source[reader.at] === '?') reader.at += 1
  const [min, max] = boundsOf(found)
  if (Math.max(min, max === Number.POSITIVE_INFINITY ? 0 : max) > PATTERN_STATES_MAX) {
    throw new PatternRefusal(`a repetition of more than ${PATTERN_STATES_MAX}`, 'use a smaller count, or `*`')
  }
  const times = max === Number.POSITIVE_INFINITY ? `{${min},}` : `{${min},${max}}`
  return limited({
    re2: max === 0 ? '(?:)' : `(?:${atom.re2})${times}`,
    states: max === Number.POSITIVE_INFINITY ? atom.states * Math.max(min, 1) + 1 : (atom.states + 1) * max,
    ...(max === Number.POSITIVE_INFINITY ? { paths: max, tries: max } : inRepetition(atom, min, max)),
    tree: { kind: 'repetition', part: atom.tree, min, max },
  })
}

const boundsOf = ([text, min, comma, max]: RegExpExecArray): [number, number] => {
  if (text === '*') return [0, Number.POSITIVE_INFINITY]
  if (text === '+') return [1, Number.POSITIVE_INFINITY]
  if (text === '?') return [0, 1]
  if (comma === '') return [Number(min), Number(min)]
  return [Number(min), max === '' ? Number.POSITIVE_INFINITY : Number(max)]
}

type Effort = Pick<PatternPart, 'paths' | 'tries'>

/** What comes later is tried once for each way through what comes before. */
const inSequence = (parts: readonly Effort[]): Effort =>
  parts.reduce(
    (before, { paths, tries }) => ({ paths: before.paths * paths, tries: before.tries + before.paths * tries }),
    { paths: 1, tries: 0 },
  )

const inRepetition = ({ paths, tries }: Effort, min: number, max: number): Effort => {
  const total = { paths: 0, tries: 0 }
  for (let count = 0; count <= max; count += 1) {
    if (count >= min) total.paths += paths ** count
    if (count < max) total.tries += paths ** count * tries
  }
  return total
}

const readAtom = (reader: Reader): PatternPart => {
  const character = reader.source.charAt(reader.at)
  const next = reader.source.charAt(reader.at + 1)
  if (character === '(') return readGroup(reader)
  if (character === '[') return oneOf(readClass(reader), reader)
  if (character === '\\' && (next === 'b' || next === 'B')) {
    reader.at += 2
    return assertion(`\\${next}`, next === 'b' ? 'at-word-edge' : 'off-word-edge')
  }
  if (character === '\\') return oneOf(readEscape(reader), reader)
  reader.at += 1
  if (character === '^') return assertion('\\A', 'at-start')
  if (character === '$') return assertion('\\z', 'at-end')
  if (character === '.') return oneOf(dotSet(reader.dotAll), reader)
  return oneOf(unitSet(character.charCodeAt(0), reader), reader)
}

const readGroup = (reader: Reader): PatternPart => {
  reader.at += 1
  if (reader.source.startsWith('?:', reader.at)) reader.at += 2
  else if (reader.source[reader.at] === '?') {
    const fix = 'use a plain group `( )`; test a second pattern with && for a condition on the same text'
    throw new PatternRefusal('lookahead, lookbehind, named groups and inline flags are not part of the language', fix)
  }
  const inner = readAlternatives(reader)
  reader.at += 1
  return { ...inner, re2: `(?:${inner.re2})` }
}

const readClass = (reader: Reader): CharacterSet => {
  reader.at += 1
  const negated = reader.source[reader.at] === '^'
  if (negated) reader.at += 1
  const set: (readonly [number, number])[] = []
  while (reader.at < reader.source.length && reader.source[reader.at] !== ']') {
    const from = readClassMember(reader)
    const isRange = reader.source[reader.at] === '-' && reader.source[reader.at + 1] !== ']'
    if (!isRange) {
      set.push(...from)
      continue
    }
    reader.at += 1
    const to = readClassMember(reader)
    if (!isSingle(from) || !isSingle(to)) {
      throw new PatternRefusal('a range between classes in `[ ]`', 'write the hyphen as `\\-`')
    }
    set.push([from[0][0], to[0][1]])
  }
  reader.at += 1
  if (set.length === 0) throw new PatternRefusal('an empty `[ ]`', 'name at least one character')
  const folded = reader.ignoreCase ? withBothCases(set) : set
  return negated ? complementOf(folded) : folded
}

const readClassMember = (reader: Reader): CharacterSet => {
  if (reader.source[reader.at] !== '\\') {
    reader.at += 1
    return unitSet(reader.source.charCodeAt(reader.at - 1), reader)
  }
  if (reader.source[reader.at + 1] !== 'b') return readEscape(reader)
  reader.at += 2
  return unitSet(0x08, reader)
}

const readEscape = (reader: Reader): CharacterSet => {
  reader.at += 1
  const character = reader.source.charAt(reader.at)
  UNIT_ESCAPE.lastIndex = reader.at
  const unit = UNIT_ESCAPE.exec(reader.source)
  if (unit !== null) {
    reader.at = UNIT_ESCAPE.lastIndex
    const [, byte, word, control] = unit
    return unitSet(control === undefined ? Number.parseInt(byte ?? word ?? '', 16) : control.charCodeAt(0) % 32, reader)
  }
  reader.at += 1
  const set = classEscapes.get(character)
  if (set !== undefined) return set
  const control = CONTROL_ESCAPES.get(character)
  if (control !== undefined) return unitSet(control, reader)
  if (character === '0' && !/[0-9]/.test(reader.source.charAt(reader.at))) return unitSet(0, reader)
  if (/[0-9A-Za-z]/.test(character)) {
    const fix =
      'use \\d \\w \\s \\b, \\xHH, \\uHHHH, or the character itself; repeat text instead of referring back to it'
    throw new PatternRefusal(`the escape \`\\${character}\` is not part of the language`, fix)
  }
  return unitSet(character.charCodeAt(0), reader)
}

const unitSet = (unit: number, reader: Reader): CharacterSet => {
  if (reader.ignoreCase && unit > 0x7f) {
    const fix = 'leave the flag off and write both cases, as in [Éé]'
    throw new PatternRefusal('a character beyond ASCII in a pattern with the `i` flag', fix)
  }
  return [[unit, unit]]
}

const oneOf = (set: CharacterSet, { ignoreCase }: Reader): PatternPart => {
  const folded = ignoreCase ? withBothCases(set) : set
  return { re2: re2ClassOf(folded), states: 1, paths: 1, tries: 1, tree: { kind: 'set', set: folded } }
}

const assertion = (re2: string, holds: Extract<PatternTree, { kind: 'assertion' }>['holds']): PatternPart => ({
  re2,
  states: 1,
  paths: 1,
  tries: 1,
  tree: { kind: 'assertion', holds },
})

const isSingle = (set: CharacterSet): set is readonly [readonly [number, number]] =>
  set.length === 1 && set[0]?.[0] === set[0]?.[1]

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

const limited = (part: PatternPart): PatternPart => {
  if (part.states <= PATTERN_STATES_MAX) return part
  const message = `the pattern has about ${part.states} states, more than ${PATTERN_STATES_MAX}`
  throw new PatternRefusal(message, 'use smaller counts in { }, or several patterns')
}
