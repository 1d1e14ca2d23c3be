import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createConstraintEngine } from '../constraint-engine.ts'
import type { RuleSet } from '../constraint-store.ts'
import type { DecisionChain } from '../decision-chain.ts'
import { createPermissionEventBuilder } from '../permission-event.ts'
import type { Decision } from '../rule-engine.ts'
import { forgetfulPositions } from '../rule-positions.ts'
import type { PermissionQuestion } from '../tools/tool.types.ts'
import { blockersOf, explainWith, parseRules, ruleSetOf, seedRules } from './gate-fixture.ts'
import { createTestClock } from './state-fixture.ts'

type TextEvent = { readonly type: string; readonly input: Readonly<Record<string, unknown>> }

/** Words that rules and events share, so that random rules do match random events. */
const words = fc.constantFrom('.env', 'rm', '/etc', 'a', 'key', '5', 'USD', 'bob', '..', '/', 'https://x.org', '')
const text = fc.oneof(
  words,
  fc.array(words, { maxLength: 4 }).map((parts) => parts.join('')),
  fc.string({ maxLength: 20 }),
)

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  'permission:file:write': ['path', 'ext'],
  'permission:file:read': ['path', 'ext'],
  'permission:bash:exec': ['cmd', 'cwd'],
  'permission:payment:send': ['payTo', 'currency', 'amount'],
  'permission:llm:call': ['model', 'provider'],
}
const types = fc.constantFrom(...Object.keys(FIELDS))

const events: fc.Arbitrary<TextEvent> = fc.record({
  type: fc.oneof({ weight: 9, arbitrary: types }, { weight: 1, arbitrary: fc.string() }),
  input: fc.oneof(
    fc.record({ path: text }),
    fc.record({ cmd: text }),
    fc.record({ amountMicros: fc.nat(20_000_000), payTo: text, currency: fc.constantFrom('USD', 'EUR') }),
    fc.record({ provider: text, model: text }),
    fc.record({ path: fc.constant('x'.repeat(5000)) }),
  ),
})

const conditions = (type: string): fc.Arbitrary<string> => {
  const field = fc.constantFrom(...(FIELDS[type] ?? [])).map((name) => `detail.${name}`)
  const atom = fc.oneof(
    fc
      .tuple(field, fc.constantFrom('includes', 'startsWith', 'endsWith'), words)
      .map(([on, method, word]) => `${on}.${method}(${JSON.stringify(word)})`),
    fc.tuple(field, fc.nat(9)).map(([on, limit]) => `parseFloat(${on}) > ${limit}`), // NaN: a fault, which blocks
    fc.nat(23).map((hour) => `detail.hour < ${hour}`),
    field.map((on) => `/[0-9]+\\.e/.test(${on})`),
  )
  return fc.oneof(
    atom,
    atom.map((one) => `!(${one})`),
    fc.tuple(atom, fc.constantFrom('&&', '||'), atom).map(([one, operator, other]) => `${one} ${operator} ${other}`),
  )
}

const ruleBodies = types
  .chain((type) => fc.tuple(fc.constant(type), conditions(type)))
  .map(
    ([type, condition]) =>
      `export const rule = bThread([bSync({ block: on('${type}', ({ detail }) => ${condition}) })], true)`,
  )

const join = (...sets: readonly RuleSet[]): RuleSet => ruleSetOf(...sets.flatMap(({ rules }) => rules))
const generated = (bodies: readonly string[], name: string): RuleSet =>
  parseRules(Object.fromEntries(bodies.map((body, position) => [`${name}-${position}`, body])))

describe('the ratchet', () => {
  const seeds = seedRules()
  const outcomes = { allowed: 0, blocked: 0, ask: 0 }
  const count = (decision: Decision) => {
    if (decision.outcome !== 'malformed') outcomes[decision.outcome]++
  }

  test('adding a rule file never allows more, and takes no objection away', () => {
    fc.assert(
      fc.property(
        fc.array(ruleBodies, { maxLength: 3 }),
        fc.array(ruleBodies, { minLength: 1, maxLength: 3 }),
        fc.array(events, { minLength: 1, maxLength: 12 }),
        (old, added, asked) => {
          const before = explainWith(join(seeds, generated(old, 'old')))
          const after = explainWith(join(seeds, generated(old, 'old'), generated(added, 'new')))
          for (const { type, input } of asked) {
            const [first, second] = [before(type, input), after(type, input)]
            count(second)
            if (first.outcome !== 'allowed') expect(second.outcome).not.toBe('allowed')
            expect(blockersOf(second)).toEqual(expect.arrayContaining([...blockersOf(first)]))
          }
        },
      ),
      { numRuns: 150 },
    )
    // Otherwise the property would hold because nothing is ever allowed, or nothing ever blocked.
    expect(outcomes.allowed).toBeGreaterThan(50)
    expect(outcomes.blocked).toBeGreaterThan(50)
  })

  test('what was decided before never changes a decision', () => {
    fc.assert(
      fc.property(fc.array(ruleBodies, { maxLength: 3 }), fc.array(events, { maxLength: 12 }), (bodies, asked) => {
        const ruleSet = join(seeds, generated(bodies, 'more'))
        const gate = createConstraintEngine({
          ...{ ruleSet, build: buildEvent, decisions: forgetful, positions: forgetfulPositions },
        })
        for (const question of asked) {
          expect(gate.decide(question as PermissionQuestion, {})).toEqual(
            explainWith(ruleSet)(question.type, question.input),
          )
        }
      }),
      { numRuns: 50 },
    )
  })
})

const buildEvent = createPermissionEventBuilder(createTestClock(), 'UTC')

const forgetful: DecisionChain = {
  append: () => 1,
  appendAll: () => [],
  recent: () => [],
  counts: () => ({ allowed: 0, blocked: 0 }),
  verify: () => ({ ok: true, count: 0 }),
}
