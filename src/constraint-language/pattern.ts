import { RE2JS } from 're2js'
import { textForRe2 } from './character-set.ts'
import { NATIVE_TRIES_MAX, PATTERN_CHARACTERS_MAX } from './limits.ts'
import { createAutomaton, type TableWork } from './pattern-automaton.ts'
import { PatternRefusal, readPattern } from './pattern-syntax.ts'

const patternBrand: unique symbol = Symbol('pattern')

/** A regular expression of a rule. Its time is bounded by `stepsPerCharacter` times the length of the text. */
export type Pattern = {
  readonly [patternBrand]: true
  readonly test: (text: string) => boolean
  readonly stepsPerCharacter: number
}

/** Here a step is 50 ns. A look-up took 3 ns at worst, also where every character is beyond ASCII. */
const TABLE_STEPS = 1 / 8
/** For each character that is looked at: a try took 8 ns at worst. */
const NATIVE_STEPS = 1 / 6
/** For each state: re2 took 65 ns at worst, where it makes states of its own while it reads. */
const RE2_STEPS = 1.5

/** True for values that `compilePattern` made; nothing in an event can be one. */
export const isPattern = (value: unknown): value is Pattern =>
  typeof value === 'object' && value !== null && patternBrand in value

/**
 * A pattern that tries little at each character runs on the native engine. Counting the tries, and not only unbounded
 * quantifiers, is what also catches `(a?){30}a{30}` and `(a|a)(a|a)(a|a)...a{100}`. Every other one becomes a table, or if that would be too
 * large runs on re2, which is linear in the text too, but charges by the size of the pattern.
 * @throws {PatternRefusal}
 */
export const compilePattern = (source: string, flags: string, work: TableWork): Pattern => {
  if (source.length > PATTERN_CHARACTERS_MAX) {
    const message = `the pattern has ${source.length} characters, more than ${PATTERN_CHARACTERS_MAX}`
    throw new PatternRefusal(message, 'use several patterns')
  }
  const refused = /[^is]/.exec(flags)
  if (refused !== null) {
    throw new PatternRefusal(`the flag \`${refused[0]}\` is not part of the language`, REFUSED_FLAGS[refused[0]] ?? '')
  }
  const { re2, states, tries, tree } = readPattern(source, flags)
  if (tries <= NATIVE_TRIES_MAX) {
    const native = new RegExp(source, flags)
    return patternOf((text) => native.test(text), Math.max(tries, 1) * NATIVE_STEPS)
  }
  const table = createAutomaton(tree, work)
  if (table !== null) return patternOf(table, TABLE_STEPS)
  const linear = RE2JS.compile(re2)
  return patternOf((text) => linear.test(textForRe2(text)), states * RE2_STEPS)
}

const patternOf = (test: Pattern['test'], stepsPerCharacter: number): Pattern => ({
  [patternBrand]: true,
  test,
  stepsPerCharacter,
})

const REFUSED_FLAGS: Readonly<Record<string, string>> = {
  g: 'remove it: it would remember a position between tests, and `test` asks only whether there is a match',
  y: 'remove it: it would remember a position between tests; write ^ for the start',
  d: 'remove it: rules read no positions',
  m: 'remove it: write (^|\\n) for the start of a line and (\\n|$) for its end',
  u: 'remove it: patterns match UTF-16 units',
  v: 'remove it: patterns match UTF-16 units',
}
