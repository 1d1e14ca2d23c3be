/** A pattern as a network of places (Thompson, 1968): characters lead on, and everything between them costs nothing. */
import { type CharacterSet, WORD } from './character-set.ts'
import type { PatternTree } from './pattern-tree.types.ts'

type Assertion = Extract<PatternTree, { kind: 'assertion' }>['holds']

export type Place =
  | { readonly kind: 'set'; readonly set: CharacterSet; readonly next: number }
  | { readonly kind: 'assertion'; readonly holds: Assertion; readonly next: number }
  | { readonly kind: 'fork'; readonly next: readonly number[] }
  | { readonly kind: 'match' }

export type Network = {
  readonly places: readonly Place[]
  readonly start: number
  /** First units of the classes that no set of the pattern tells apart, ascending; the first is 0. */
  readonly classStarts: readonly number[]
  /** Whether each class is of characters of words; false for all where no edge of a word matters. */
  readonly isWordClass: readonly boolean[]
  readonly knowsWords: boolean
}

/** Places of one network: the states that limit a pattern, and the forks between them. */
const PLACES_MAX = 2000

/** The network of a pattern; null when it would be too large. */
export const createNetwork = (tree: PatternTree): Network | null => {
  const places: Place[] = [{ kind: 'match' }]
  const start = connect(places, tree, 0)
  if (start === null) return null
  const knowsWords = places.some((place) => place.kind === 'assertion' && /word/.test(place.holds))
  const sets = places.flatMap((place) => (place.kind === 'set' ? [place.set] : []))
  const classStarts = startsOf(knowsWords ? [...sets, WORD] : sets)
  const isWordClass = classStarts.map((unit) => knowsWords && includes(WORD, unit))
  return { places, start, classStarts, isWordClass, knowsWords }
}

/** Whether a set has a UTF-16 unit. */
export const includes = (set: CharacterSet, unit: number): boolean =>
  set.some(([low, high]) => unit >= low && unit <= high)

/** Adds what matches the tree and then goes on at `next`; the place where it begins. */
const connect = (places: Place[], tree: PatternTree, next: number): number | null => {
  if (places.length > PLACES_MAX) return null
  switch (tree.kind) {
    case 'set':
      return add(places, { kind: 'set', set: tree.set, next })
    case 'assertion':
      return add(places, { kind: 'assertion', holds: tree.holds, next })
    case 'sequence':
      return tree.parts.reduceRight<number | null>(
        (after, part) => (after === null ? null : connect(places, part, after)),
        next,
      )
    case 'choice':
      return fork(
        places,
        tree.parts.map((part) => connect(places, part, next)),
      )
    case 'repetition':
      return connectRepetition(places, tree, next)
  }
}

const connectRepetition = (
  places: Place[],
  { part, min, max }: Extract<PatternTree, { kind: 'repetition' }>,
  next: number,
): number | null => {
  let at: number | null = next
  if (max === Number.POSITIVE_INFINITY) {
    const again: number[] = []
    const loop = add(places, { kind: 'fork', next: again })
    const inner = connect(places, part, loop)
    if (inner === null) return null
    again.push(inner, next)
    at = loop
  } else {
    for (let count = min; count < max && at !== null; count += 1) at = fork(places, [connect(places, part, at), next])
  }
  for (let count = 0; count < min && at !== null; count += 1) at = connect(places, part, at)
  return at
}

const fork = (places: Place[], ways: readonly (number | null)[]): number | null => {
  const next = ways.filter((way) => way !== null)
  return next.length < ways.length ? null : add(places, { kind: 'fork', next })
}

const add = (places: Place[], place: Place): number => places.push(place) - 1

const startsOf = (sets: readonly CharacterSet[]): readonly number[] => {
  const cuts = new Set([0])
  for (const [low, high] of sets.flat()) cuts.add(low).add(high + 1)
  return [...cuts].filter((cut) => cut <= 0xffff).sort((a, b) => a - b)
}
