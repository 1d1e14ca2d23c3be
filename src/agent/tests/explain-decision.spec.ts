import { expect, test } from 'bun:test'
import { createDecisionChain, type DecisionEntry } from '../decision-chain.ts'
import { explainDecision } from '../explain-decision.ts'
import { createPermissionEventBuilder } from '../permission-event.ts'
import { ruleOf, ruleSetOf } from './gate-fixture.ts'
import { createTestState } from './state-fixture.ts'

const NO_KEYS = ruleSetOf(ruleOf('keys#keep', ({ detail }) => detail['ext'] === '.key', ['permission:file:write']))

const WRITE = 'permission:file:write'

/** What the replay of a row says. */
const replayOf = (entry: Partial<DecisionEntry>, rules: typeof NO_KEYS | null = NO_KEYS) => {
  using store = createTestState()
  const built = createPermissionEventBuilder(store.clock, 'UTC')(WRITE, { path: 'a.key' })
  const detail = built.ok ? built.event.detail : {}
  const row = { type: WRITE, turn: null, toolUseId: null, outcome: 'blocked', reason: null } as const
  const state = { rulesHash: 'h', rulesHead: null, positions: { 'a#b': 1 }, blockedBy: ['keys#keep'] }
  const seq = createDecisionChain(store.state(), store.clock).append({ ...row, ...state, detail, ...entry })
  if (entry.reason === 'erased') store.state().database.run('update bp_decisions set detail = null, salt = null')
  const explained = explainDecision(store.state(), seq, () => rules)
  expect(explained).toMatchObject({ seq, positions: { 'a#b': 1 } })
  expect(JSON.stringify(explained)).not.toContain('unsaved')
  return explained?.replay
}

test('a decision is decided again by its rules, and what differs is said', () => {
  expect(replayOf({})).toEqual({ possible: true, same: true, outcome: 'blocked', blockedBy: ['keys#keep'] })
  expect(replayOf({ outcome: 'allowed', blockedBy: [] })).toMatchObject({ possible: true, same: false })
})

test.each([
  ['the rules that decided it are gone', {}, null],
  ['what was asked has been erased', { reason: 'erased' }, NO_KEYS],
  ['a person ran it from the command line, past the rules', { outcome: 'operator' }, NO_KEYS],
  ['it was refused before any rule was asked', { detail: { path: 'a.key' } }, NO_KEYS],
  ['it was refused before any rule was asked', { type: 'permission:no:such' }, NO_KEYS],
  [
    'this row stands for many files',
    { outcome: 'allowed', detail: { via: 'bash', files: 2000, pathsHash: 'h' } },
    NO_KEYS,
  ],
  ['another version recorded it in its own form', { detail: { v: 1, path: 'a.key' } }, NO_KEYS],
] as const)('a decision that cannot be decided again says that %s', (why, entry, rules) => {
  expect(replayOf(entry, rules)).toEqual({ possible: false, why })
})

test('there is no decision of a number that was not given', () => {
  using store = createTestState()
  expect(explainDecision(store.state(), 1, () => NO_KEYS)).toBeNull()
})
