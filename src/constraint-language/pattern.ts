import { RE2JS } from 're2js'
import { textForRe2 } from './character-set.ts'
import { NATIVE_PATHS_MAX, PATTERN_CHARACTERS_MAX } from './limits.ts'
import { PatternRefusal, readPattern } from './pattern-syntax.ts'

const patternBrand: unique symbol = Symbol('pattern')

/** A regular expression of a rule. Its time is bounded by `costPerCharacter` times the length of the text. */
export type Pattern = {
  readonly [patternBrand]: true
  readonly test: (text: string) => boolean
  readonly costPerCharacter: number
}

/** True for values that `compilePattern` made; nothing in an event can be one. */
export const isPattern = (value: unknown): value is Pattern =>
  typeof value === 'object' && value !== null && patternBrand in value

/**
 * A pattern with few ways through it runs on the native engine, every other one on re2, whose time is linear. Counting the
 * ways, and not only unbounded quantifiers, is what also catches `(a?){30}a{30}` and `(a|a)(a|a)(a|a)...`.
 * @throws {PatternRefusal}
 */
export const compilePattern = (source: string, flags: string): Pattern => {
  if (source.length > PATTERN_CHARACTERS_MAX) {
    const message = `the pattern has ${source.length} characters, more than ${PATTERN_CHARACTERS_MAX}`
    throw new PatternRefusal(message, 'use several patterns')
  }
  const refused = /[^is]/.exec(flags)
  if (refused !== null) {
    throw new PatternRefusal(`the flag \`${refused[0]}\` is not part of the language`, REFUSED_FLAGS[refused[0]] ?? '')
  }
  const { re2, states, paths } = readPattern(source, flags)
  if (paths <= NATIVE_PATHS_MAX) {
    const native = new RegExp(source, flags)
    return { [patternBrand]: true, test: (text) => native.test(text), costPerCharacter: Math.max(states, paths) }
  }
  const linear = RE2JS.compile(re2)
  return { [patternBrand]: true, test: (text) => linear.test(textForRe2(text)), costPerCharacter: states }
}

const REFUSED_FLAGS: Readonly<Record<string, string>> = {
  g: 'remove it: it would remember a position between tests, and `test` asks only whether there is a match',
  y: 'remove it: it would remember a position between tests; write ^ for the start',
  d: 'remove it: rules read no positions',
  m: 'remove it: write (^|\\n) for the start of a line and (\\n|$) for its end',
  u: 'remove it: patterns match UTF-16 units',
  v: 'remove it: patterns match UTF-16 units',
}
