/**
 * A pattern as a table: for each state and class of characters the next state. It is made whole before any text is seen,
 * and only if it is small; testing a text then takes one look-up for each character, whatever the pattern and the text
 * are. That is a promise which no engine that works while it reads can give, and what a few lines of hostile pattern need.
 *
 * A state is the set of places that the network can be at, and what is known about the character before. A match may
 * begin anywhere, so the first place is in every state.
 */
import type { CharacterSet } from './character-set.ts'
import { createNetwork, includes, type Network, type Place } from './pattern-network.ts'
import type { PatternTree } from './pattern-tree.types.ts'

/** States of one table. Patterns of rules have ten to a hundred. */
const TABLE_STATES_MAX = 1000

/** Counts down the places visited while tables are made, for all patterns of a file. */
export type TableWork = { left: number }

const MATCHED = -1

/** Tests texts by a table; null when the table would be too large, or the work for it. */
export const createAutomaton = (tree: PatternTree, work: TableWork): ((text: string) => boolean) | null => {
  const network = createNetwork(tree)
  if (network === null) return null
  const table = fillTable(network, work)
  return table === null ? null : runTable(network.classStarts, table)
}

type Table = {
  readonly next: readonly number[]
  readonly classes: number
  /** Whether the pattern matches when the text ends in this state, and whether it never can from here on. */
  readonly matchesAtEnd: readonly boolean[]
  readonly isLost: readonly boolean[]
}

/** What is known between two characters. */
type Between = {
  readonly atStart: boolean
  readonly atEnd: boolean
  readonly wordBefore: boolean
  readonly wordAfter: boolean
}

type State = { readonly places: readonly number[]; readonly before: 'start' | 'word' | 'other' }

const MATCH_PLACE = 0

const fillTable = (network: Network, work: TableWork): Table | null => {
  const classes = network.classStarts.length
  const states = createStates(network)
  const next: number[] = []
  const matchesAtEnd: boolean[] = []
  // The list grows as states are found.
  for (const { places, before } of states.list) {
    const between = { atStart: before === 'start', wordBefore: before === 'word' }
    matchesAtEnd.push(reach(network, places, { ...between, atEnd: true, wordAfter: false }).has(MATCH_PLACE))
    // Only edges of words depend on the character that comes.
    const [other, word] = [false, network.knowsWords].map((wordAfter) =>
      reach(network, places, { ...between, atEnd: false, wordAfter }),
    )
    for (let unitClass = 0; unitClass < classes; unitClass += 1) {
      const isWord = network.isWordClass[unitClass] === true
      const reached = (isWord ? word : other) ?? NOWHERE
      work.left -= reached.size
      next.push(reached.has(MATCH_PLACE) ? MATCHED : states.after(reached, unitClass, isWord))
    }
    if (states.list.length > TABLE_STATES_MAX || work.left < 0) return null
  }
  return { next, classes, matchesAtEnd, isLost: findLost(next, classes, matchesAtEnd) }
}

const NOWHERE: ReadonlySet<number> = new Set()

/** States that every character leads back to, without a match at the end. */
const findLost = (next: readonly number[], classes: number, matchesAtEnd: readonly boolean[]): readonly boolean[] =>
  matchesAtEnd.map((isMatch, at) => !isMatch && next.slice(at * classes, (at + 1) * classes).every((to) => to === at))

/**
 * The states found so far. Whether a set of places is known is asked for each state and class, so it is looked up by the
 * sum of a number for each place, and compared in full only with those of the same sum.
 */
const createStates = ({ places, start, classStarts }: Network) => {
  const list: State[] = [{ places: [start], before: 'start' }]
  const bySum = new Map<number, { readonly state: State; readonly number: number }[]>()
  const numberOfPlace = places.map((_, at) => Math.imul(at + 1, 0x9e3779b1))
  const marks = new Int32Array(places.length)
  const takes = takesOf(places, classStarts)
  let mark = 0
  const after = (reached: ReadonlySet<number>, unitClass: number, isWord: boolean): number => {
    mark += 1
    const to = [start]
    let sum = isWord ? 1 : 0
    marks[start] = mark
    for (const at of reached) {
      const place = places[at]
      if (place?.kind !== 'set' || takes[at]?.[unitClass] !== 1 || marks[place.next] === mark) continue
      marks[place.next] = mark
      to.push(place.next)
      sum = (sum + (numberOfPlace[place.next] ?? 0)) | 0
    }
    const before = isWord ? 'word' : 'other'
    const alike = bySum.get(sum) ?? []
    const known = alike.find(
      ({ state }) =>
        state.before === before && state.places.length === to.length && state.places.every((at) => marks[at] === mark),
    )
    if (known !== undefined) return known.number
    const found = { state: { places: to, before }, number: list.length } as const
    list.push(found.state)
    bySum.set(sum, [...alike, found])
    return found.number
  }
  return { list, after }
}

/** Whether each place takes each class; a repetition has many places with one set. */
const takesOf = (places: Network['places'], classStarts: Network['classStarts']): readonly Uint8Array[] => {
  const bySet = new Map<CharacterSet, Uint8Array>()
  return places.map((place) => {
    if (place.kind !== 'set') return TAKES_NOTHING
    const known = bySet.get(place.set)
    const takes = known ?? Uint8Array.from(classStarts, (unit) => (includes(place.set, unit) ? 1 : 0))
    if (known === undefined) bySet.set(place.set, takes)
    return takes
  })
}

const TAKES_NOTHING = new Uint8Array()

/** Every place that can be reached without a character. */
const reach = ({ places }: Network, from: readonly number[], between: Between): ReadonlySet<number> => {
  const reached = new Set<number>()
  const waiting = [...from]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (reached.has(at)) continue
    reached.add(at)
    const place = places[at]
    if (place?.kind === 'fork') for (const next of place.next) waiting.push(next)
    if (place?.kind === 'assertion' && holds(place.holds, between)) waiting.push(place.next)
  }
  return reached
}

const holds = (
  assertion: Extract<Place, { kind: 'assertion' }>['holds'],
  { atStart, atEnd, wordBefore, wordAfter }: Between,
): boolean => {
  switch (assertion) {
    case 'at-start':
      return atStart
    case 'at-end':
      return atEnd
    case 'at-word-edge':
      return wordBefore !== wordAfter
    case 'off-word-edge':
      return wordBefore === wordAfter
  }
}

const runTable = (classStarts: readonly number[], { next, classes, matchesAtEnd, isLost }: Table) => {
  const classOf = (unit: number): number => {
    let low = 0
    let high = classStarts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((classStarts[middle] ?? 0) <= unit) low = middle
      else high = middle - 1
    }
    return low
  }
  const ascii = Uint16Array.from({ length: 128 }, (_, unit) => classOf(unit))
  const table = Int16Array.from(next)
  return (text: string): boolean => {
    let state = 0
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at)
      state = table[state * classes + (unit < 128 ? (ascii[unit] ?? 0) : classOf(unit))] ?? MATCHED
      if (state === MATCHED) return true
      if (isLost[state]) return false
    }
    return matchesAtEnd[state] ?? false
  }
}
