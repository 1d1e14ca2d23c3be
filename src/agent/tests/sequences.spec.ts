import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { AT_START, advance, blockersAt } from '../../constraint-language/positions.ts'
import { createConstraintEngine } from '../constraint-engine.ts'
import type { RuleSet } from '../constraint-store.ts'
import { createDecisionChain } from '../decision-chain.ts'
import type { LifecycleEvent } from '../lifecycle-vocabulary.ts'
import { createPermissionEventBuilder } from '../permission-event.ts'
import { createRulePositions } from '../rule-positions.ts'
import { parseRules } from './gate-fixture.ts'
import { createTestState, type TestState } from './state-fixture.ts'

const QUIET = `/** After a web page was read, nothing is paid until you speak. */
export const quiet = bThread([
  bSync({ waitFor: on('untrusted:read', ({ detail }) => detail.label.startsWith('web:')) }),
  bSync({ block: on('permission:payment:send', () => true), waitFor: on('owner:message', () => true) }),
], true)`

const ONCE = `/** One file is written, then one is read, in turns. */
export const turns = bThread([
  bSync({ block: on('permission:file:read', () => true), waitFor: on('permission:file:write', () => true) }),
  bSync({ block: on('permission:file:write', () => true), waitFor: on('permission:file:read', () => true) }),
], true)`

const STUCK = `/** What is waited for and blocked at once never comes. */
export const stuck = bThread([
  bSync({ block: on('permission:bash:exec', () => true), waitFor: on('permission:bash:exec', () => true) }),
  bSync({ block: on('permission:file:read', () => true), waitFor: on('turn:end', () => true) }),
], true)`

const facts = { v: 1, turn: 't1', channel: 'cli' } as const
const WEB: LifecycleEvent = { type: 'untrusted:read', detail: { ...facts, label: 'web:example.com' } }
const FILE: LifecycleEvent = { type: 'untrusted:read', detail: { ...facts, label: 'file:untrusted' } }
const SPOKE: LifecycleEvent = { type: 'owner:message', detail: { ...facts, senderId: 'local:owner' } }
const END: LifecycleEvent = { type: 'turn:end', detail: facts }

const PAY = { type: 'permission:payment:send', input: { amountMicros: 1 } } as const
const READ = { type: 'permission:file:read', input: { path: 'a' } } as const
const WRITE = { type: 'permission:file:write', input: { path: 'a' } } as const
const RUN = { type: 'permission:bash:exec', input: { cmd: 'make' } } as const

const openGate = (store: TestState, ruleSet: RuleSet) =>
  createConstraintEngine({
    ruleSet,
    build: createPermissionEventBuilder(store.clock, 'UTC'),
    decisions: createDecisionChain(store.state(), store.clock),
    positions: createRulePositions(store.state()),
  })

describe('a sequence', () => {
  test('blocks from what it waited for until the next thing it waits for', () => {
    using store = createTestState()
    const gate = openGate(store, parseRules({ quiet: QUIET }))
    const pay = () => gate.decide(PAY, {}).outcome
    expect(pay()).toBe('allowed')
    gate.note(FILE)
    expect(pay()).toBe('allowed')
    gate.note(WEB)
    expect([pay(), pay()]).toEqual(['blocked', 'blocked'])
    gate.note(SPOKE)
    expect(pay()).toBe('allowed')
  })

  test('moves on an allowed permission only, and stays where it blocks what it waits for', () => {
    using store = createTestState()
    const gate = openGate(store, parseRules({ once: ONCE }))
    const outcomes = [READ, WRITE, WRITE, READ, READ].map((question) => gate.decide(question, {}).outcome)
    expect(outcomes).toEqual(['blocked', 'allowed', 'blocked', 'allowed', 'blocked'])
    using other = createTestState()
    const stuck = openGate(other, parseRules({ stuck: STUCK }))
    expect([RUN, READ, RUN].map((question) => stuck.decide(question, {}).outcome)).toEqual([
      'blocked',
      'allowed',
      'blocked',
    ])
  })

  test('stands where it stood after a restart, and at its beginning when its text has changed', () => {
    using store = createTestState()
    const ruleSet = { ...parseRules({ quiet: QUIET }), fileHashes: { quiet: 'one' } }
    openGate(store, ruleSet).note(WEB)
    store.reopen()
    expect(openGate(store, ruleSet).decide(PAY, {}).outcome).toBe('blocked')
    const changed = { ...ruleSet, fileHashes: { quiet: 'two' } }
    expect(openGate(store, changed).decide(PAY, {}).outcome).toBe('allowed')
  })

  test('is moved by each file that a search may show', () => {
    using store = createTestState()
    const gate = openGate(store, parseRules({ once: ONCE }))
    gate.decide(WRITE, {})
    expect(gate.permitFiles(['a', 'b'], {}).blockedCount).toBe(1)
  })

  test('whose row is written but not its move, or the other way round, does not exist', () => {
    using store = createTestState()
    const ruleSet = parseRules({ once: ONCE })
    const gate = openGate(store, ruleSet)
    const { database } = store.state()
    expect(() =>
      store.state().transaction('test', () => {
        gate.decide(WRITE, {})
        throw new Error('the disk is full')
      }),
    ).toThrow('the disk is full')
    expect(database.query('select * from bp_decisions').all()).toEqual([])
    expect(createRulePositions(store.state()).load(ruleSet)).toEqual(new Map())
  })

  test('leaves its position in each row, so that the decision can be made again', () => {
    using store = createTestState()
    const gate = openGate(store, parseRules({ once: ONCE }))
    for (const question of [WRITE, READ]) gate.decide(question, {})
    const rows = store.state().database.query<{ positions: string }, []>('select positions from bp_decisions').all()
    expect(rows.map(({ positions }) => JSON.parse(positions))).toEqual([{ 'once#turns': 0 }, { 'once#turns': 1 }])
    expect(createDecisionChain(store.state(), store.clock).verify()).toMatchObject({ ok: true, count: 2 })
  })
})

describe('for any trace', () => {
  const steps = fc.array(fc.constantFrom(PAY, READ, WRITE, RUN, WEB, FILE, SPOKE, END), { minLength: 1, maxLength: 25 })
  const ruleSet = parseRules({ quiet: QUIET, once: ONCE, stuck: STUCK })

  const reversed = { ...ruleSet, rules: ruleSet.rules.toReversed() }

  const play = (
    store: TestState,
    trace: readonly (typeof PAY | LifecycleEvent | typeof READ | typeof WRITE | typeof RUN)[],
    restartAt: ReadonlySet<number>,
    rules = ruleSet,
  ) => {
    let gate = openGate(store, rules)
    return trace.map((step, index) => {
      if (restartAt.has(index)) {
        store.reopen()
        gate = openGate(store, rules)
      }
      if ('input' in step) return gate.decide(step, {}).outcome
      gate.note(step)
      return null
    })
  }

  test('a restart at any step changes no decision, nor does the order in which rules load', () => {
    fc.assert(
      fc.property(steps, fc.array(fc.nat(24), { maxLength: 4 }), (trace, restarts) => {
        using one = createTestState()
        using two = createTestState()
        expect(play(one, trace, new Set(restarts))).toEqual(play(two, trace, new Set(), reversed))
      }),
      { numRuns: 40 },
    )
  })

  test('the gate says what the pure model of positions says', () => {
    fc.assert(
      fc.property(steps, (trace) => {
        using store = createTestState()
        const build = createPermissionEventBuilder(store.clock, 'UTC')
        let positions = AT_START
        const expected = trace.map((step) => {
          if (!('input' in step)) {
            positions = advance(ruleSet.rules, positions, { event: step, outcome: 'happened' })
            return null
          }
          const built = build(step.type, step.input)
          if (!built.ok) throw new Error(built.message)
          const outcome = blockersAt(ruleSet.rules, positions, built.event).length > 0 ? 'blocked' : 'allowed'
          positions = advance(ruleSet.rules, positions, { event: built.event, outcome })
          return outcome
        })
        expect(play(store, trace, new Set())).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })
})
