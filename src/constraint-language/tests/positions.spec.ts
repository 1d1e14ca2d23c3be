import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { behavioral, bSync, bThread, on } from 'plaited'
import { parseRuleFile } from '../parse-rule-file.ts'
import { AT_START, advance, blockersAt, type Positions } from '../positions.ts'
import type { Listener, Rule, RuleEvent } from '../rule.types.ts'
import { bashOf, paymentOf, sampleFields, writeOf } from './sample-rules.ts'

const turnStart: RuleEvent = { type: 'turn:start', detail: { id: 't1' } }

const EVENTS: readonly RuleEvent[] = [
  turnStart,
  { type: 'turn:start', detail: { id: 't2' } },
  writeOf('/workspace/a'),
  writeOf('/workspace/.env'),
  writeOf('/etc/a', { bytes: null }),
  bashOf('ls'),
  bashOf('rm a'),
  paymentOf('1'),
  paymentOf('6'),
]

const LISTENERS = [
  "'permission:file:write'",
  "'permission:payment:send'",
  "on('permission:file:write', ({ detail }) => detail.path.endsWith('.env'))",
  "on('permission:bash:exec', ({ detail }) => detail.cmd === 'ls')",
  "on('permission:payment:send', ({ detail }) => parseFloat(detail.amount) > 5)",
  // Faults where the size is not known.
  "on('permission:file:write', ({ detail }) => detail.bytes > 100)",
  "({ type }) => type === 'permission:bash:exec'",
]
const FACTS = ["'turn:start'", "on('turn:start', ({ detail }) => detail.id === 't2')"]

const block = fc.constantFrom(...LISTENERS)
const waitFor = fc.constantFrom(...LISTENERS, ...FACTS)
const step = fc.oneof(
  fc.record({ waitFor }),
  fc.record({ waitFor, block }),
  fc.record({ waitFor, block: fc.array(block, { minLength: 1, maxLength: 2 }).map((list) => `[${list.join(', ')}]`) }),
)
const syncs = fc.oneof(
  fc.tuple(fc.record({ block })),
  fc.tuple(fc.record({ waitFor, block })),
  fc
    .tuple(fc.array(step, { minLength: 1, maxLength: 3 }), fc.record({ waitFor, block }))
    .map(([first, last]) => [...first, last]),
  fc
    .tuple(fc.array(step, { minLength: 1, maxLength: 3 }), fc.record({ block }))
    .map(([first, last]) => [...first, last]),
)

/** A rule by its syncs; the file is named by its place, so that every key is another. */
const ruleOf = (parts: readonly Readonly<Record<string, string>>[], at: number): Rule => {
  const text = parts
    .map(
      (part) =>
        `bSync({ ${Object.entries(part)
          .map((pair) => pair.join(': '))
          .join(', ')} })`,
    )
    .join(', ')
  const source = `import { bThread, bSync, on } from 'plaited'\nexport const rule = bThread([${text}], true)\n`
  const parsed = parseRuleFile({ file: `rule-${at}`, source, fields: sampleFields })
  const [rule] = parsed.ok ? parsed.rules : []
  if (rule === undefined) throw new Error(`${source}${JSON.stringify(parsed)}`)
  return rule
}

const ruleSets = fc.array(syncs, { minLength: 1, maxLength: 5 }).map((sets) => sets.map(ruleOf))
const traces = fc.array(fc.constantFrom(...EVENTS), { maxLength: 25 })

const isFact = ({ type }: RuleEvent): boolean => !type.startsWith('permission:')

/** Feeds a trace to a set of rules: what happens of it, and what each event is answered. */
const run = (rules: readonly Rule[], trace: readonly RuleEvent[]) => {
  let positions: Positions = AT_START
  const happened: RuleEvent[] = []
  const answers = trace.map((event) => {
    const blockers = isFact(event) ? [] : blockersAt(rules, positions, event).map(({ rule }) => rule.key)
    const outcome = isFact(event) ? 'happened' : blockers.length > 0 ? 'blocked' : 'allowed'
    if (outcome !== 'blocked') happened.push(event)
    positions = advance(rules, positions, { event, outcome })
    return blockers.toSorted()
  })
  return { happened, answers, positions }
}

describe('for any rules and any trace', () => {
  test('what is allowed after adding a rule was allowed before', () => {
    fc.assert(
      fc.property(ruleSets, traces, (rules, trace) => {
        const { happened } = run(rules, trace)
        const before = run(rules.slice(0, -1), happened)
        expect(before.happened).toEqual(happened)
        expect(before.answers.flat()).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  test('decisions and positions do not depend on the order in which rules were loaded', () => {
    fc.assert(
      fc.property(ruleSets, traces, fc.infiniteStream(fc.nat()), (rules, trace, numbers) => {
        const shuffled = rules.map((rule) => [numbers.next().value ?? 0, rule] as const).toSorted(([a], [b]) => a - b)
        const other = run(
          shuffled.map(([, rule]) => rule),
          trace,
        )
        const { answers, positions } = run(rules, trace)
        expect(other.answers).toEqual(answers)
        expect(Object.fromEntries(other.positions)).toEqual(Object.fromEntries(positions))
      }),
      { numRuns: 300 },
    )
  })

  test('a restart at any step, from stored positions, changes nothing', () => {
    const stored = (positions: Positions): Positions => new Map(JSON.parse(JSON.stringify([...positions])))
    fc.assert(
      fc.property(ruleSets, traces, (rules, trace) => {
        let positions = AT_START
        const whole = run(rules, trace)
        const answers = trace.map((event) => {
          positions = stored(positions)
          const keys = isFact(event) ? [] : blockersAt(rules, positions, event).map(({ rule }) => rule.key)
          const outcome = isFact(event) ? 'happened' : keys.length > 0 ? 'blocked' : 'allowed'
          positions = advance(rules, positions, { event, outcome })
          return keys.toSorted()
        })
        expect(answers).toEqual(whole.answers)
      }),
      { numRuns: 200 },
    )
  })

  test('the engine of b-threads decides the same', () => {
    const toListener = ({ eventTypes, test: matches }: Listener) =>
      eventTypes === null ? matches : on(eventTypes, matches)
    fc.assert(
      fc.property(ruleSets, traces, (rules, trace) => {
        const engine = behavioral()
        engine.bThreads.set(
          Object.fromEntries(
            rules.map(({ key, syncs: parts }) => {
              const rounds = parts.map((part) =>
                bSync({ block: part.block.map(toListener), waitFor: part.waitFor.map(toListener) }),
              )
              return [key, bThread(rounds, true)]
            }),
          ),
          { strict: true },
        )
        const answers = trace.map((event) => {
          if (!isFact(event)) return engine.decide(event).blockedBy.toSorted()
          engine.trigger(event)
          return []
        })
        expect(run(rules, trace).answers).toEqual(answers)
      }),
      { numRuns: 500 },
    )
  })
})

describe('a sequence', () => {
  const rule = ruleOf([{ waitFor: "'turn:start'" }, { waitFor: LISTENERS[1] ?? '', block: LISTENERS[4] ?? '' }], 0)
  const at = (sync: number): Positions => new Map([[rule.key, sync]])

  test('moves on what is allowed and on facts, and starts again after its last sync', () => {
    const one = advance([rule], AT_START, { event: turnStart, outcome: 'happened' })
    expect(one).toEqual(at(1))
    expect(advance([rule], one, { event: paymentOf('1'), outcome: 'allowed' })).toEqual(at(0))
  })

  test('stays where it is on what was blocked, asked about, or not waited for', () => {
    for (const outcome of ['blocked', 'ask'] as const) {
      expect(advance([rule], at(1), { event: paymentOf('6'), outcome })).toEqual(at(1))
    }
    const positions = at(1)
    expect(advance([rule], positions, { event: turnStart, outcome: 'happened' })).toBe(positions)
  })

  test('blocks only where it stands, and blocks everything where it cannot stand', () => {
    expect(blockersAt([rule], AT_START, paymentOf('6'))).toEqual([])
    expect(blockersAt([rule], at(1), paymentOf('6'))).toEqual([{ rule, fault: null }])
    expect(blockersAt([rule], at(2), paymentOf('1'))).toEqual([{ rule, fault: 'its position does not exist' }])
  })

  test('blocks what it cannot judge, also where it only waits', () => {
    const waiting = ruleOf([{ waitFor: LISTENERS[5] ?? '' }, { block: LISTENERS[1] ?? '' }], 1)
    const [blocker] = blockersAt([waiting], AT_START, writeOf('/workspace/a', { bytes: null }))
    expect(blocker?.fault).toContain('needs a number and got null')
  })
})
