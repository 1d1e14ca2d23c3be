import { join } from 'node:path'
import { parseRuleFile } from '../../constraint-language/parse-rule-file.ts'
import type { Listener, Rule, RuleEvent } from '../../constraint-language/rule.types.ts'
import { createConstraintEngine, createExplain, type PermissionGate } from '../constraint-engine.ts'
import { loadRules, type RuleSet } from '../constraint-store.ts'
import { createDecisionChain, type DecisionChain } from '../decision-chain.ts'
import { createPermissionEventBuilder } from '../permission-event.ts'
import { permissionFields } from '../permission-fields.ts'
import type { Decision } from '../rule-engine.ts'
import { createRulePositions } from '../rule-positions.ts'
import type { PermissionQuestion } from '../tools/tool.types.ts'
import { createTestClock, createTestState } from './state-fixture.ts'

/** The rules that a new home starts with, as the node loads them. */
export const seedRules = (): RuleSet => loadRules(join(import.meta.dir, '../../../constraints-seed'))

/** Parses rule texts as files of a home; a text that is no legal rule file fails the test. */
export const parseRules = (files: Readonly<Record<string, string>>): RuleSet => {
  const rules = Object.entries(files).flatMap(([file, body]) => {
    const source = `import { bThread, bSync, on } from 'plaited'\n${body}`
    const parsed = parseRuleFile({ file, source, fields: permissionFields })
    if (!parsed.ok) throw new Error(`${file}: ${JSON.stringify(parsed.faults)}`)
    return parsed.rules
  })
  const asking = new Set(Object.entries(files).flatMap(([file, body]) => (body.includes('confirmed') ? [file] : [])))
  return { ...ruleSetOf(...rules), asking }
}

/** A rule whose predicate is code of the test, for what the language cannot say. */
export const ruleOf = (key: string, test: (event: RuleEvent) => boolean, eventTypes: Listener['eventTypes'] = null) =>
  ({ key, sentence: `The sentence of ${key}.`, syncs: [{ block: [{ eventTypes, test }], waitFor: [] }] }) satisfies Rule

export const ruleSetOf = (...rules: readonly Rule[]): RuleSet => ({
  ...{ rules, hash: 'rules-of-this-test', fileHashes: {}, asking: new Set<string>(), head: null },
})

export type DecisionRow = { type: string; outcome: string; blocked_by: string; reason: string; detail: string }

export type TestGate = {
  readonly gate: PermissionGate
  readonly decisions: DecisionChain
  readonly decide: (question: PermissionQuestion) => Decision
  readonly bash: (cmd: string) => Decision
  readonly write: (path: string) => Decision
  readonly rows: () => readonly DecisionRow[]
  /** Makes many decisions durable together, which is faster. */
  readonly atOnce: (decisions: () => void) => void
  readonly [Symbol.dispose]: () => void
}

/** The gate over a real decision chain in a temporary file. */
export const createTestGate = (ruleSet: RuleSet): TestGate => {
  const store = createTestState()
  const decisions = createDecisionChain(store.state(), store.clock)
  const build = createPermissionEventBuilder(store.clock, 'UTC')
  const gate = createConstraintEngine({ ruleSet, build, decisions, positions: createRulePositions(store.state()) })
  const decide = (question: PermissionQuestion) => gate.decide(question, { turn: 't1', toolUseId: 'toolu_1' })
  return {
    gate,
    decisions,
    decide,
    bash: (cmd) => decide({ type: 'permission:bash:exec', input: { cmd } }),
    write: (path) => decide({ type: 'permission:file:write', input: { path } }),
    rows: () => store.state().database.query<DecisionRow, []>('select * from bp_decisions order by seq').all(),
    atOnce: (record) => store.state().transaction('test', record),
    [Symbol.dispose]: store[Symbol.dispose],
  }
}

/** Asks without recording, at a fixed time. */
export const explainWith = (ruleSet: RuleSet) =>
  createExplain(ruleSet, createPermissionEventBuilder(createTestClock(), 'UTC'), new Map())

/** Keys of the rules that objected. */
export const blockersOf = (decision: Decision): readonly string[] =>
  'blockedBy' in decision ? decision.blockedBy.map(({ by }) => by) : []
