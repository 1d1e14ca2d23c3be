import { describe, expect, test } from 'bun:test'
import { createRuleAcceptance } from '../../constraint-acceptance/rule-acceptance.ts'
import { parseTemplateWords } from '../../constraint-spec/template-words.ts'
import { NodeError } from '../../utils/node-error.ts'
import type { RuleSet } from '../constraint-store.ts'
import { createDecisionChain } from '../decision-chain.ts'
import { createJournal } from '../journal.ts'
import { createPermissionEventBuilder } from '../permission-event.ts'
import { type AddRule, createProposals } from '../proposals.ts'
import { parseRules, ruleSetOf } from './gate-fixture.ts'
import { createTestState } from './state-fixture.ts'

const acceptance = createRuleAcceptance()
const BY = {
  who: 'owner on cli',
  intent: 'never allow payments over $3',
  channel: 'cli',
  asker: 'owner',
  said: null,
} as const

const specOf = (words: string) => {
  const spec = parseTemplateWords(words)
  if (spec === null) throw new Error(`no form: ${words}`)
  return spec
}

const open = (store = createTestState(), existing: RuleSet = ruleSetOf()) => {
  const added: Parameters<AddRule>[0][] = []
  let ruleSet = existing
  const failures: Error[] = []
  /** What the keeper answers is lost after it has added the rule. */
  const lost: Error[] = []
  const create = (fileNames: readonly string[] = []) =>
    createProposals({
      state: store.state(),
      journal: createJournal(store.state(), store.clock, () => {}),
      clock: store.clock,
      acceptance,
      rules: () => ruleSet,
      fileNames: () => fileNames,
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
        const silence = lost.shift()
        if (silence) throw silence
      },
    })
  const setRules = (next: RuleSet): void => {
    ruleSet = next
  }
  return { store, added, failures, lost, create, proposals: create(), setRules }
}

const propose = ({ proposals }: Pick<ReturnType<typeof open>, 'proposals'>, words: string = BY.intent) =>
  proposals.propose(specOf(words), BY)

describe('a proposed rule', () => {
  test('is told in words of ours, with what it blocks and allows, and is added by its code alone', async () => {
    const it = open()
    const { words, code, name } = propose(it)
    expect(words).toContain('Blocks a payment when the amount is over 3 USD.')
    expect(words).toMatch(/It would block, for example:\n( {2}- payment:send .*\n){1,5}It still allows/)
    expect(words).toContain('Of your last 0 real events it would have blocked 0.')
    expect(words).toContain(`Answer ${code} within 10 minutes`)
    expect(await it.proposals.confirm('bcdfghjk', 'cli')).toBeNull()
    expect(it.added).toEqual([])
    expect(await it.proposals.confirm(code, 'cli')).toStartWith('Added as payment-max-3-usd.')
    expect(it.added).toMatchObject([{ name, who: 'owner on cli', intent: BY.intent }])
    expect(await it.proposals.confirm(code, 'cli')).toStartWith('Added as payment-max-3-usd.')
    expect(it.added).toHaveLength(1)
    it.store[Symbol.dispose]()
  })

  test('counts how many of the real events it would have blocked', () => {
    const it = open()
    const decisions = createDecisionChain(it.store.state(), it.store.clock)
    const build = createPermissionEventBuilder(it.store.clock, 'UTC')
    const row = { turn: null, toolUseId: null, blockedBy: [], reason: null, type: 'permission:payment:send' } as const
    const rules = { rulesHash: 'h', rulesHead: null, positions: null }
    for (const amountMicros of [1_000_000, 4_000_000, 5_000_000]) {
      const built = build(row.type, { amountMicros })
      if (built.ok) decisions.append({ ...row, ...rules, outcome: 'allowed', detail: built.event.detail })
    }
    // Neither is a question that the rules were asked as a whole.
    decisions.append({ ...row, ...rules, outcome: 'operator', detail: { amountMicros: 6_000_000 } })
    decisions.append({ ...row, ...rules, outcome: 'allowed', detail: { via: 'bash', files: 2000, pathsHash: 'h' } })
    expect(propose(it).words).toContain('Of your last 3 real events it would have blocked 2.')
    it.store[Symbol.dispose]()
  })

  test('can be confirmed for ten minutes, also after a restart, and not later', async () => {
    const it = open()
    const early = propose(it).code
    it.store.clock.advance(599_999)
    it.store.reopen()
    expect(await it.create().confirm(early, 'cli')).toStartWith('Added')
    const late = propose({ proposals: it.create() }, 'never run curl').code
    it.store.clock.advance(600_000)
    expect(await it.create().confirm(late, 'cli')).toBeNull()
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
    await it.proposals.confirm(propose(it).code, 'cli')
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
    expect(await it.proposals.confirm(code, 'cli').catch(({ code: kind }) => kind)).toBe('KEEPER_UNREACHABLE')
    expect(await it.proposals.confirm(code, 'cli').catch(({ code: kind }) => kind)).toBe('RULE_REFUSED')
    expect(await it.proposals.confirm(code, 'cli')).toBeNull()
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

  test('is answered with what came of it when its code comes again after a crash', async () => {
    const it = open()
    const { code, name } = propose(it)
    const { database } = it.store.state()
    await it.proposals.confirm(code, 'cli')
    database.run(`update rule_proposals set state = 'adding'`)
    const again = it.create()
    again.settleInterrupted()
    it.store.clock.advance(600_000)
    expect(await again.confirm(code, 'cli')).toStartWith(`Added as ${name}.`)
    expect(it.added).toHaveLength(1)
    it.store[Symbol.dispose]()
  })

  test('counts as added when only the answer of the keeper was lost, and twice at once adds it once', async () => {
    const it = open()
    const { code, name } = propose(it)
    it.lost.push(new NodeError('KEEPER_UNREACHABLE', 'away'))
    const both = [it.proposals.confirm(code, 'cli'), it.proposals.confirm(code, 'cli')]
    for (const said of await Promise.all(both)) expect(said).toStartWith(`Added as ${name}.`)
    expect(it.added).toHaveLength(1)
    it.store[Symbol.dispose]()
  })

  test('gets a name that no file has, also none of a retired rule, and no other proposal', async () => {
    const it = open()
    await it.proposals.confirm(propose(it).code, 'cli')
    it.setRules(ruleSetOf()) // retired
    expect(propose(it).name).toBe('payment-max-3-usd-2')
    expect(propose(it).name).toBe('payment-max-3-usd-3')
    const knowing = { proposals: it.create(['no-command-curl', 'no-command-curl-2']) }
    expect(propose(knowing, 'never run curl').name).toBe('no-command-curl-3')
    const file = { name: 'no-command-curl', source: it.added[0]?.source ?? '' }
    expect(() => knowing.proposals.proposeFile(file, BY)).toThrow('exists, is retired')
    it.store[Symbol.dispose]()
  })

  test('is signed with the owner’s words, shows those of the model as a quotation, and tells where it was confirmed', async () => {
    const it = open()
    const by = { ...BY, said: "you said 'yes'\nAnswer x" }
    const { words, code } = it.proposals.propose(specOf('never run curl'), by)
    expect(words).toContain("The model says you asked for: 'you said \\'yes\\'\\nAnswer x'")
    await it.proposals.confirm(code, 'letters')
    expect(it.added).toMatchObject([{ intent: BY.intent }])
    expect(JSON.stringify(it.added)).not.toContain('you said')
    const journal = createJournal(it.store.state(), it.store.clock, () => {})
    expect(journal.newest('rule.confirmed')?.payload).toEqual({ rule: 'no-command-curl', channel: 'letters' })
    it.store[Symbol.dispose]()
  })

  test('of a file says whose words its sentence is, and quotes it', () => {
    const it = open()
    const source = `import { bSync, bThread, on } from 'plaited'
/** Blocks nothing, trust me. */
export const pay = bThread([bSync({ block: on('permission:payment:send', () => true) })], true)
`
    const { words } = it.proposals.proposeFile({ name: 'mine', source }, BY)
    expect(words).toContain("In the words of the file's author:\nmine#pay: 'Blocks nothing, trust me.'")
    it.store[Symbol.dispose]()
  })

  test('can be declined by its code or its name, and then its code adds nothing', async () => {
    const it = open()
    const [curl, wget] = [propose(it, 'never run curl'), propose(it, 'never run wget')]
    expect(it.proposals.decline('bcdfghjk')).toBeNull()
    expect(it.proposals.decline(curl.code)).toBe('no-command-curl')
    expect(it.proposals.decline('no-command-wget')).toBe('no-command-wget')
    for (const { code } of [curl, wget]) expect(await it.proposals.confirm(code, 'cli')).toBeNull()
    expect(it.proposals.waiting()).toEqual([])
    it.store[Symbol.dispose]()
  })

  test('that asks says what it would ask about, not that it would block it', () => {
    const it = open()
    const decisions = createDecisionChain(it.store.state(), it.store.clock)
    const built = createPermissionEventBuilder(it.store.clock, 'UTC')('permission:payment:send', { amountMicros: 1 })
    if (!built.ok) throw new Error(built.message)
    decisions.append({
      ...{ turn: null, toolUseId: null, blockedBy: [], reason: null, type: 'permission:payment:send' },
      ...{ rulesHash: 'h', rulesHead: null, positions: null, outcome: 'allowed', detail: built.event.detail },
    })
    const { words } = propose(it, 'ask before every payment')
    expect(words).toContain('It would ask you about, for example:\n  - payment:send')
    expect(words).toContain('Of your last 1 real events it would have asked you about 1.')
    expect(words).not.toContain('It would block')
    const mixed = `import { bSync, bThread, on } from 'plaited'
/** Small payments are asked about, others are not made. */
export const pay = bThread([bSync({ block: on('permission:payment:send', ({ detail }) => detail.confirmed === null || detail.amountMicros > 5) })], true)
`
    const told = it.proposals.proposeFile({ name: 'mixed', source: mixed }, BY).words
    expect(told).toContain('It would block, or ask you about, for example:')
    expect(told).toContain('it would have blocked 0 and asked you about 1.')
    it.store[Symbol.dispose]()
  })

  test('waits with at most four others of the same asker: the agent’s sixth is refused, the owner’s replaces one', () => {
    const it = open()
    for (const words of ['never run curl', 'never run wget', 'never run nc', 'ask before every payment', 'no payments'])
      propose(it, words)
    const byAgent = { ...BY, asker: 'agent' } as const
    const proposeByAgent = (words: string) => it.proposals.propose(specOf(words), byAgent)
    for (const words of ['a', 'b', 'c', 'd', 'e']) proposeByAgent(`never run agent-${words}`)
    expect(() => proposeByAgent('never run agent-f')).toThrow("5 proposals of yours wait for the owner's code already")
    const [oldest] = it.proposals.waiting()
    const sixth = propose(it, 'never run ssh')
    expect(oldest).toBe('no-command-curl')
    expect(sixth.words).toContain('It takes the place of no-command-curl, which waited longest')
    expect(it.proposals.waiting()).not.toContain('no-command-curl')
    expect(it.proposals.waiting()).toHaveLength(10)
    for (const one of it.proposals.open()) one.decline('no')
    expect(it.proposals.open()).toEqual([])
    it.store[Symbol.dispose]()
  })
})
