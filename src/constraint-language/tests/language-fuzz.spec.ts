import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseRuleFile } from '../parse-rule-file.ts'
import type { RuleEvent } from '../rule.types.ts'
import { RuleFault } from '../rule-fault.ts'
import { bashOf, faultsOf, fileWith, paymentOf, sampleFields, writeOf } from './sample-rules.ts'

const NUMBERS = ['0', '5', '1.5', 'detail.hour', 'detail.path.length', 'detail.bytes', 'parseFloat(detail.path)']
const TEXTS = [
  "'a'",
  "'/workspace/.env'",
  "''",
  'detail.path',
  'detail.rel',
  'detail.op',
  'String(detail.hour)',
  'suffix',
]
const LISTS = ['detail.taint', "['a', '.env']", "detail.path.split('/')", 'names']
const CONSTANTS = `const suffix = '.env'
const names = ['owner', 'a']
const endsWithAny = (text, endings) => endings.some((ending) => text.endsWith(ending))`

/** Predicates that are mostly well typed, so that many are accepted and run. */
const { condition } = fc.letrec<{ condition: string; number: string; text: string; list: string }>((tie) => {
  const joined = (left: string, operators: readonly string[], right: string) =>
    fc
      .tuple(tie(left as 'number'), fc.constantFrom(...operators), tie(right as 'number'))
      .map((parts) => `(${parts.join(' ')})`)
  return {
    number: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(...NUMBERS),
      joined('number', ['+', '-', '*', '/', '%'], 'number'),
      fc.tuple(tie('list'), fc.constant('.length')).map((parts) => parts.join('')),
      fc.tuple(tie('text'), tie('text')).map(([a, b]) => `${a}.indexOf(${b})`),
    ),
    text: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(...TEXTS),
      fc.tuple(tie('text'), tie('number')).map(([a, b]) => `${a}.slice(${b})`),
      fc.tuple(tie('text'), tie('text')).map(([a, b]) => `(${a} + ${b})`),
      fc.tuple(tie('text'), tie('number')).map(([a, b]) => `\`\${${a}}:\${${b}}\``),
      fc.tuple(tie('condition'), tie('text'), tie('text')).map(([c, a, b]) => `(${c} ? ${a} : ${b})`),
      tie('text').map((a) => `${a}.toLowerCase()`),
    ),
    list: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(...LISTS),
      fc.tuple(tie('list'), tie('text')).map(([a, b]) => `${a}.filter((x) => x !== ${b})`),
      tie('list').map((a) => `${a}.map((x) => x + 'z')`),
    ),
    condition: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('detail.exec', 'detail.confirmed === null', 'detail.principal.verified', 'true'),
      joined('number', ['<', '<=', '>', '>=', '===', '!=='], 'number'),
      joined('text', ['===', '!=='], 'text'),
      joined('condition', ['&&', '||'], 'condition'),
      tie('condition').map((a) => `!${a}`),
      fc.tuple(tie('text'), tie('text')).map(([a, b]) => `${a}.endsWith(${b})`),
      fc.tuple(tie('text'), tie('list')).map(([a, b]) => `endsWithAny(${a}, ${b})`),
      tie('text').map((a) => `/\\.(env|pem)$|a+z/i.test(${a})`),
      fc.tuple(tie('list'), tie('text')).map(([a, b]) => `${a}.includes(${b})`),
    ),
  }
})

const event = fc
  .record({
    path: fc.constantFrom('/workspace/.env', '/workspace/a', '7', '', 'ENV.pem'),
    more: fc.record({
      rel: fc.constantFrom(null, 'a', '.env'),
      op: fc.constantFrom('create', 'edit', 'delete'),
      bytes: fc.constantFrom(null, 0, 5),
      exec: fc.boolean(),
      hour: fc.integer({ min: 0, max: 23 }),
      taint: fc.subarray(['owner', 'a', 'web:x']),
    }),
  })
  .map(({ path, more }) => writeOf(path, more))

const nativePredicate = (expression: string): ((event: RuleEvent) => unknown) =>
  new Function(`${CONSTANTS}; return ({ type, detail }) => ${expression}`)()

const answerOf = (run: () => boolean): boolean | 'fault' => {
  try {
    return run()
  } catch (error) {
    if (error instanceof RuleFault) return 'fault'
    throw error
  }
}

test('an accepted predicate answers what the same text answers natively, or faults', () => {
  let answered = 0
  const property = fc.property(condition, fc.array(event, { minLength: 3, maxLength: 3 }), (expression, events) => {
    const source = fileWith(`on('permission:file:write', ({ type, detail }) => ${expression})`, CONSTANTS)
    const parsed = parseRuleFile({ file: 'fuzz', source, fields: sampleFields })
    if (!parsed.ok) return
    const listener = parsed.rules[0]?.syncs[0]?.block[0]
    const native = nativePredicate(expression)
    for (const each of events) {
      const ours = answerOf(() => listener?.test(each) ?? false)
      if (ours === 'fault') continue
      expect(ours).toBe(Boolean(native(each)))
      answered += 1
    }
  })
  fc.assert(property, { numRuns: 1500 })
  expect(answered).toBeGreaterThan(1000)
})

describe('whatever the text', () => {
  const WORDS =
    `import export const default bThread bSync on from 'plaited' block waitFor request interrupt true false null
    ({ }) [ ] => . , ; ? : ! && || ?? === !== == < > + - * / % = ... detail type event 'permission:file:write' /a+/ /(/g
    \`x\${ \` some test constructor __proto__ parseFloat Math 5 '' async function class new this await for return { }`.split(
      /\s+/,
    )
  const events = [writeOf('/workspace/.env'), bashOf('ls -la'), paymentOf('x'), { type: 'x', detail: {} }]

  const runs = (source: string): void => {
    const parsed = parseRuleFile({ file: 'fuzz', source, fields: sampleFields })
    if (!parsed.ok) {
      expect(parsed.faults.length).toBeGreaterThan(0)
      return
    }
    for (const listener of parsed.rules.flatMap(({ syncs }) => syncs.flatMap(({ block }) => block))) {
      for (const each of events) {
        expect([true, false, 'fault']).toContain(answerOf(() => listener.test(each)))
      }
    }
  }

  test('words in any order give a rule or faults', () => {
    const words = fc.array(fc.constantFrom(...WORDS), { maxLength: 40 }).map((list) => list.join(' '))
    fc.assert(
      fc.property(words, (source) => runs(source)),
      { numRuns: 1500 },
    )
    fc.assert(
      fc.property(words, (source) => runs(fileWith(`(event) => ${source}`))),
      { numRuns: 1500 },
    )
  })

  test('a legal file with pieces cut or doubled gives a rule or faults', () => {
    const legal = fileWith(
      "({ type, detail }) => type === 'permission:bash:exec' && detail.commands.some(({ argv }) => argv.includes('--force'))",
      CONSTANTS,
    )
    const cuts = fc.tuple(fc.nat(legal.length), fc.nat(30), fc.nat(legal.length))
    const property = fc.property(cuts, ([from, length, to]) => {
      const piece = legal.slice(from, from + length)
      runs(legal.slice(0, from) + legal.slice(from + length))
      runs(legal.slice(0, to) + piece + legal.slice(to))
    })
    fc.assert(property, { numRuns: 1000 })
  })

  test('any characters give faults', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (source) => runs(source)),
      { numRuns: 500 },
    )
    expect(faultsOf('\0')).toHaveLength(1)
  })
})
