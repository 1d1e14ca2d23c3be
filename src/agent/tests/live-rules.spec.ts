import { describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PERMISSION_EXAMPLES } from '../../bench/permission-examples.ts'
import type { DecisionEntry } from '../decision-chain.ts'
import { createLiveGate, createLiveRules } from '../live-rules.ts'
import { createPermissionEventBuilder } from '../permission-event.ts'
import { forgetfulPositions } from '../rule-positions.ts'
import { ruleOf, ruleSetOf } from './gate-fixture.ts'
import { createTestClock } from './state-fixture.ts'

const NO_NOTES = `import { bSync, bThread, on } from 'plaited'
/** Notes are not written. */
export const noNotes = bThread(
  [bSync({ block: on('permission:file:write', ({ detail }) => detail.path.startsWith('/workspace/notes/')) })],
  true,
)
`
const NO_PAYMENTS = NO_NOTES.replace(/block: .*/, `block: 'permission:payment:send' })],`).replace(
  'noNotes',
  'noPayments',
)

const openGate = () => {
  const folder = mkdtempSync(join(tmpdir(), 'plaited-rules-'))
  const put = (name: string, source: string) => writeFileSync(join(folder, name), source)
  put('no-payments.ts', NO_PAYMENTS)
  const rows: DecisionEntry[] = []
  const decisions = {
    append: (entry: DecisionEntry) => rows.push(entry),
    appendAll: (entries: readonly DecisionEntry[]) => entries.map((entry) => rows.push(entry)),
    recent: () => [],
    counts: () => ({ allowed: 0, blocked: 0 }),
    verify: () => ({ ok: true, count: 0 }) as const,
  }
  const build = createPermissionEventBuilder(createTestClock(), 'UTC')
  const rules = createLiveRules(folder)
  const parts = { build, decisions, positions: forgetfulPositions }
  const gate = createLiveGate({ ...parts, rules })
  const write = () => gate.decide({ type: 'permission:file:write', input: { path: 'notes/a.md' } }, {})
  return {
    folder,
    put,
    rows,
    rules,
    parts,
    gate,
    write,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

describe('rules while the node runs', () => {
  test('a rule that is added holds from the next call on', () => {
    using it = openGate()
    expect(it.write().outcome).toBe('allowed')
    it.put('no-notes.ts', NO_NOTES)
    expect(it.write()).toMatchObject({ outcome: 'blocked', blockedBy: [{ by: 'no-notes#noNotes' }] })
    expect(it.rows.map(({ rulesHash }) => rulesHash)[0]).not.toBe(it.rows[1]?.rulesHash)
  })

  test('a file that becomes illegal blocks everything with its fault, and mending it lifts that', () => {
    using it = openGate()
    it.put('broken.ts', 'export const x = 1')
    expect(it.write()).toMatchObject({
      outcome: 'blocked',
      blockedBy: [{ sentence: expect.stringContaining('broken.ts') }],
    })
    rmSync(join(it.folder, 'broken.ts'))
    expect(it.write().outcome).toBe('allowed')
  })

  test('while everything is blocked the owner is answered, as far as the rules before let the model be asked', () => {
    using it = openGate()
    const LONG = 'no-long-calls'
    it.put(
      `${LONG}.ts`,
      NO_NOTES.replace(/block: .*/, `block: on('permission:llm:call', ({ detail }) => detail.estTokens > 1000) })],`),
    )
    expect(it.write().outcome).toBe('allowed')
    it.put('broken.ts', 'export const x = 1')
    const outcomes = PERMISSION_EXAMPLES.filter((example) => it.gate.decide(example, {}).outcome !== 'blocked')
    expect(outcomes.map(({ type }) => type)).toEqual(['permission:channel:send'])
    const call = (estTokens: number) =>
      it.gate.decide({ type: 'permission:llm:call', input: { provider: 'p', model: 'm', estTokens } }, {})
    expect(call(10).outcome).toBe('allowed')
    expect(call(2000)).toMatchObject({ outcome: 'blocked', blockedBy: [{ by: expect.stringContaining(LONG) }] })
    const others = { channel: 'cli', recipient: 'somebody', isOwner: false }
    expect(it.gate.decide({ type: 'permission:channel:send', input: others }, {}).outcome).toBe('blocked')
    const [refusal] = it.rules.current().rules[0]?.syncs[0]?.block ?? []
    expect(refusal?.test({ type: 'permission:no:such', detail: { isOwner: true } })).toBe(true)
    expect(it.write()).toMatchObject({
      blockedBy: expect.arrayContaining([
        expect.objectContaining({ sentence: expect.stringContaining('no tool runs') }),
      ]),
    })
  })

  test('a folder that goes away, or is emptied, blocks everything', () => {
    using it = openGate()
    rmSync(it.folder, { recursive: true })
    expect(it.write().outcome).toBe('blocked')
    mkdirSync(it.folder)
    expect(it.write().outcome).toBe('blocked')
  })

  test('rules that cannot be asked never leave the decision to those before', () => {
    using it = openGate()
    const twice = ruleSetOf(
      ruleOf('one#key', () => true),
      ruleOf('one#key', () => true),
    )
    let ruleSet = ruleSetOf()
    const gate = createLiveGate({ ...it.parts, rules: { current: () => ruleSet } })
    const write = () => gate.decide({ type: 'permission:file:write', input: { path: 'a.md' } }, {})
    expect(write().outcome).toBe('allowed')
    ruleSet = twice
    for (let n = 0; n < 2; n++) expect(write).toThrow('two rules have the key one#key')
  })

  test('unchanged files are not read again', () => {
    using it = openGate()
    expect(it.rules.current()).toBe(it.rules.current())
  })
})
