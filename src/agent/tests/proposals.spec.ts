import { describe, expect, test } from 'bun:test'
import { createRuleAcceptance } from '../../constraint-acceptance/rule-acceptance.ts'
import { parseTemplateWords } from '../../constraint-spec/template-words.ts'
import { NodeError } from '../../utils/node-error.ts'
import type { RuleSet } from '../constraint-store.ts'
import { createDecisionChain } from '../decision-chain.ts'
import { createJournal } from '../journal.ts'
import { type AddRule, createProposals } from '../proposals.ts'
import { parseRules, ruleSetOf } from './gate-fixture.ts'
import { createTestState } from './state-fixture.ts'

const acceptance = createRuleAcceptance()
const BY = { who: 'owner on cli', intent: 'never allow payments over $3', channel: 'cli' }

const specOf = (words: string) => {
  const spec = parseTemplateWords(words)
  if (spec === null) throw new Error(`no form: ${words}`)
  return spec
}

const open = (store = createTestState(), existing: RuleSet = ruleSetOf()) => {
  const added: Parameters<AddRule>[0][] = []
  let ruleSet = existing
  const failures: Error[] = []
  const create = () =>
    createProposals({
      state: store.state(),
      journal: createJournal(store.state(), store.clock, () => {}),
      clock: store.clock,
      acceptance,
      rules: () => ruleSet,
      decisions: createDecisionChain(store.state(), store.clock),
      add: async (rule) => {
        const failure = failures.shift()
        if (failure) throw failure
        added.push(rule)
        const files = {
          ...ruleSet.fileHashes,
          [rule.name]: new Bun.CryptoHasher('sha256').update(rule.source).digest('hex'),
        }
        ruleSet = { ...ruleSet, fileHashes: files }
      },
    })
  const setRules = (next: RuleSet): void => {
    ruleSet = next
  }
  return { store, added, failures, create, proposals: create(), setRules }
}

const propose = ({ proposals }: Pick<ReturnType<typeof open>, 'proposals'>, words = BY.intent) =>
  proposals.propose(specOf(words), BY)

describe('a proposed rule', () => {
  test('is told in words of ours, with what it blocks and allows, and is added by its code alone', async () => {
    const it = open()
    const { words, code, name } = propose(it)
    expect(words).toContain('Blocks a payment when the amount is over 3 USD.')
    expect(words).toMatch(/It would block, for example:\n( {2}- payment:send .*\n){1,5}It still allows/)
    expect(words).toContain('Of your last 0 real events it would have blocked 0.')
    expect(words).toContain(`Answer ${code} within 10 minutes`)
    expect(await it.proposals.confirm('bcdfghjk')).toBeNull()
    expect(it.added).toEqual([])
    expect(await it.proposals.confirm(code)).toStartWith('Added as payment-max-3-usd.')
    expect(it.added).toMatchObject([{ name, who: 'owner on cli', intent: BY.intent }])
    expect(await it.proposals.confirm(code)).toBeNull()
    it.store[Symbol.dispose]()
  })

  test('counts how many of the real events it would have blocked', () => {
    const it = open()
    const decisions = createDecisionChain(it.store.state(), it.store.clock)
    const row = { turn: null, toolUseId: null, outcome: 'allowed', blockedBy: [], reason: null } as const
    for (const amountMicros of [1_000_000, 4_000_000, 5_000_000]) {
      const rules = { rulesHash: 'h', rulesHead: null, positions: null }
      decisions.append({ ...row, ...rules, type: 'permission:payment:send', detail: { amountMicros } })
    }
    expect(propose(it).words).toContain('Of your last 3 real events it would have blocked 2.')
    it.store[Symbol.dispose]()
  })

  test('can be confirmed for ten minutes, also after a restart, and not later', async () => {
    const it = open()
    const early = propose(it).code
    it.store.clock.advance(599_999)
    it.store.reopen()
    expect(await it.create().confirm(early)).toStartWith('Added')
    const late = propose({ proposals: it.create() }, 'never run curl').code
    it.store.clock.advance(600_000)
    expect(await it.create().confirm(late)).toBeNull()
    expect(it.added).toHaveLength(1)
    it.store[Symbol.dispose]()
  })

  test('that would keep the node from working is refused with what it breaks, and asks for nothing', () => {
    const it = open()
    expect(() => propose(it, 'no reads')).toThrow('it would keep the node from reading a file')
    expect(it.proposals.open()).toEqual([])
    it.store[Symbol.dispose]()
  })

  test('never replaces one of the same name, and is refused when it holds already', async () => {
    const it = open()
    await it.proposals.confirm(propose(it).code)
    expect(() => propose(it)).toThrow('holds already')
    const other = { ...specOf('never run curl'), name: 'payment-max-3-usd' }
    expect(it.proposals.propose(other, BY).name).toBe('payment-max-3-usd-2')
    const source = it.added[0]?.source ?? ''
    expect(() => it.proposals.proposeFile({ name: 'copy', source }, BY)).toThrow('holds already')
    expect(() => it.proposals.proposeFile({ name: 'payment-max-3-usd', source: `${source}\n\n` }, BY)).toThrow('exists')
    it.store[Symbol.dispose]()
  })

  test('stays open when the keeper is away, and is gone when the keeper refuses it', async () => {
    const it = open()
    const { code } = propose(it)
    it.failures.push(new NodeError('KEEPER_UNREACHABLE', 'away'), new NodeError('RULE_REFUSED', 'no'))
    expect(await it.proposals.confirm(code).catch(({ code: kind }) => kind)).toBe('KEEPER_UNREACHABLE')
    expect(await it.proposals.confirm(code).catch(({ code: kind }) => kind)).toBe('RULE_REFUSED')
    expect(await it.proposals.confirm(code)).toBeNull()
    it.store[Symbol.dispose]()
  })

  test('whose adding a crash interrupted counts as added exactly when it is there', () => {
    const it = open()
    const { name } = propose(it)
    const { database } = it.store.state()
    database.run(`update rule_proposals set state = 'adding'`)
    it.create().settleInterrupted()
    expect(it.proposals.open()).toHaveLength(1)
    database.run(`update rule_proposals set state = 'adding'`)
    const sha = database.query<{ sha256: string }, []>('select sha256 from rule_proposals').get()?.sha256 ?? ''
    it.setRules({ ...parseRules({}), fileHashes: { [name]: sha } })
    it.create().settleInterrupted()
    expect(it.proposals.open()).toEqual([])
    it.store[Symbol.dispose]()
  })

  test('waits with at most four others', () => {
    const it = open()
    for (const words of ['never run curl', 'never run wget', 'never run nc', 'ask before every payment', 'no payments'])
      propose(it, words)
    expect(() => propose(it, 'never run ssh')).toThrow("5 proposals wait for the owner's code already")
    expect(it.proposals.dismiss('elsewhere')).toBe(0)
    expect(it.proposals.dismiss('cli')).toBe(5)
    it.store[Symbol.dispose]()
  })
})
