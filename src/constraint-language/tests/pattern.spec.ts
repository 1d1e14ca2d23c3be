import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { RE2JS } from 're2js'
import { textForRe2 } from '../character-set.ts'
import { NATIVE_TRIES_MAX } from '../limits.ts'
import { compilePattern } from '../pattern.ts'
import { createAutomaton } from '../pattern-automaton.ts'
import { PatternRefusal, readPattern } from '../pattern-syntax.ts'
import { bashOf, predicate } from './sample-rules.ts'

/** What re2 says about the translated pattern, also for patterns that would run natively. */
const re2Test = (source: string, flags: string, text: string): boolean =>
  RE2JS.compile(readPattern(source, flags).re2).test(textForRe2(text))

/** What a table says, also for patterns that would run natively. */
const tableTest = (source: string, flags: string, text: string): boolean =>
  createAutomaton(readPattern(source, flags).tree, { left: 1e7 })?.(text) ?? fail(source)

const fail = (source: string): never => {
  throw new Error(`no table for ${source}`)
}

describe('re2, tables and the native engine agree', () => {
  const texts = [
    '',
    'a',
    'ab\n',
    'rm -rf /',
    'RM\u00a0-RF',
    '\u2028',
    '\r',
    '\ud83d\ude00',
    '\ud83d',
    'é',
    'ſ',
    '\u212a',
    '_-9',
    '\0',
    '\v',
    '\ufeff',
    'x]y{2}',
    '\\',
    'a{,2}',
    'k',
    'S',
  ]
  test.each([
    ['\\s', ''],
    ['\\S\\s*\\S', ''],
    ['^.$', ''],
    ['^.$', 's'],
    ['^..$', ''],
    ['a$', ''],
    ['\\bk\\b', 'i'],
    ['[a-z]+s?', 'i'],
    ['^[^k]$', 'i'],
    ['^\\W$', 'i'],
    ['\\w\\W\\d', ''],
    ['[\\w.-]+', ''],
    ['[^\\s\\d]', ''],
    ['[]a]?', ''],
    ['\\u00e9|\\x41|\\cM|\\0', ''],
    ['[\\b\\t\\n\\v\\f\\r]', ''],
    ['\\ud83d', ''],
    ['[\\ud800-\\udfff]{2}', ''],
    ['x]y{2}', ''],
    ['a{,2}', ''],
    [':(){ :|:& };:', ''],
    ['()', ''],
    ['a||b', ''],
    ['(?:a*)*b?$', ''],
    ['(|a)+$', ''],
    ['a{0}b{2,}c{1,2}?', ''],
    ['[/]\\/', ''],
  ] as const)('/%s/%s', (source, flags) => {
    // ']' first in a class ends it in JavaScript and stands for itself in re2: the language refuses the empty class.
    if (source.startsWith('[]')) {
      expect(() => readPattern(source, flags)).toThrow(PatternRefusal)
      return
    }
    for (const text of texts) {
      const native = new RegExp(source, flags).test(text)
      expect([text, re2Test(source, flags, text), tableTest(source, flags, text)]).toEqual([text, native, native])
    }
  })

  const character = fc.constantFrom(
    'a',
    'b',
    'K',
    's',
    '0',
    '_',
    ' ',
    '\n',
    '\r',
    '\u00a0',
    'é',
    '\u017f',
    '\u212a',
    '\ud83d',
    '\ude00',
    '/',
    '-',
  )
  const atom = fc.oneof(
    fc.constantFrom(
      'a',
      'b',
      'K',
      '0',
      ' ',
      '.',
      '\\d',
      '\\D',
      '\\w',
      '\\W',
      '\\s',
      '\\S',
      '\\/',
      '\\-',
      '\\n',
      '\\u2028',
    ),
    fc.constantFrom('[ab]', '[^a]', '[a-k0]', '[^\\w]', '[\\s-]', '[^\\n\\ud83d]', '\\b', '\\B', '^', '$', '\\ude00'),
  )
  const quantifier = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,2}', '{1,}', '*?', '+?')
  const isAssertion = (text: string): boolean => ['\\b', '\\B', '^', '$'].includes(text)
  const { pattern } = fc.letrec<{ pattern: string; piece: string }>((tie) => ({
    piece: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.tuple(atom, quantifier).map(([text, times]) => (isAssertion(text) ? text : text + times)),
      },
      { weight: 1, arbitrary: fc.tuple(tie('pattern'), quantifier).map(([text, times]) => `(${text})${times}`) },
    ),
    pattern: fc
      .array(
        fc.array(tie('piece'), { maxLength: 3 }).map((pieces) => pieces.join('')),
        { minLength: 1, maxLength: 2 },
      )
      .map((alternatives) => alternatives.join('|')),
  }))

  test('on random patterns and texts', () => {
    const text = fc.array(character, { maxLength: 8 }).map((characters) => characters.join(''))
    const property = fc.property(
      pattern,
      fc.constantFrom('', 'i', 's', 'is'),
      fc.array(text, { maxLength: 6 }),
      (source, flags, samples) => {
        fc.pre(source.length < 60 && !(flags.includes('i') && source.includes('\\u')))
        for (const sample of samples) {
          const native = new RegExp(source, flags).test(sample)
          expect([re2Test(source, flags, sample), tableTest(source, flags, sample)]).toEqual([native, native])
        }
      },
    )
    fc.assert(property, { numRuns: 1500 })
  })
})

describe('time', () => {
  /** Patterns whose backtracking would take longer than anybody waits. */
  const explosive = [
    '(a+)+$',
    '(a|aa)+$',
    '(a?){30}a{30}$',
    '(.*)*x',
    '(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)b',
    '(?:(a{1,3}){1,3}){1,3}b',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '(a|a){6}a{100}b',
    '(a{0,7}){2}a{90}b',
  ]

  test.each(explosive)('/%s/ takes a table, not backtracking', (source) => {
    const compiled = compilePattern(source, '', { left: 1e7 })
    expect(readPattern(source, '').tries).toBeGreaterThan(NATIVE_TRIES_MAX)
    expect(compiled.test(`${'a'.repeat(30_000)}!`)).toBe(false)
  })

  test('a pattern that runs natively looks at few characters from each', () => {
    for (const source of ['\\.(env|pem|key|credentials)$', '^\\d{1,3}\\.\\d{1,3}$', 'mkfs', '^/workspace/']) {
      expect(readPattern(source, '').tries).toBeLessThanOrEqual(NATIVE_TRIES_MAX)
    }
  })

  test('a table charges by the text alone, what is too large for one by the pattern too', () => {
    const charge = (source: string, left = 1e6) => compilePattern(source, '', { left }).stepsPerCharacter
    expect(charge('a*b{100}')).toBe(charge('a*b'))
    const large = '(a|b)*a(a|b){30}[78]'
    expect(charge(large)).toBeGreaterThan(charge('a*b') * 100)
    expect(charge('a*b', 0)).toBeGreaterThan(charge('a*b'))
    expect(compilePattern(large, '', { left: 1e6 }).test(`a${'b'.repeat(30)}7`)).toBe(true)
  })

  test('a hostile pattern is refused by the step limit before it starts', () => {
    const hostile = predicate(
      "on('permission:bash:exec', ({ detail }) => /[ab]*a[ab]{60}a[ab]{60}[78]/.test(detail.cmd))",
    )
    expect(() => hostile.test(bashOf('ab'.repeat(5000)))).toThrow('step limit')
    expect(hostile.test(bashOf('ab'.repeat(500)))).toBe(false)
  })
})
