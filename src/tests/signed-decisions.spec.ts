import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installSeedRules } from '../agent/constraint-store.ts'
import { createDecisionChain } from '../agent/decision-chain.ts'
import { createTestState } from '../agent/tests/state-fixture.ts'
import { homePaths } from '../home.ts'
import { createSignedDecisions } from '../node-rules.ts'
import { SEED_RULES } from '../parts.ts'

const root = mkdtempSync(join(tmpdir(), 'plaited-signed-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('the chain of decisions of a node', () => {
  test('that was cut off, signed ends and all, is not signed again: status and audit say so', async () => {
    const home = homePaths(root)
    mkdirSync(home.data)
    installSeedRules(home.constraints, SEED_RULES, { state: home.state })
    using store = createTestState()
    const chain = createDecisionChain(store.state(), store.clock)
    const decide = () =>
      chain.append({
        ...{ type: 'permission:bash:exec', turn: null, toolUseId: null, outcome: 'allowed', blockedBy: [] },
        ...{ reason: null, rulesHash: 'h', rulesHead: null, positions: null, detail: {} },
      })
    const signed = createSignedDecisions({ home, state: store.state() }, chain)
    for (let row = 1; row <= 3; row++) decide()
    await signed.signEnd()
    expect(signed.fault()).toBeNull()
    expect(await signed.audit()).toEqual({ ok: true, count: 3 })

    for (const table of ['bp_decisions', 'decision_heads']) store.state().database.run(`delete from ${table}`)
    expect(await signed.audit()).toMatchObject({ ok: false, seq: 1 })
    for (let row = 1; row <= 5; row++) decide()
    await signed.signEnd()
    expect(signed.fault()).toContain('the keeper signed 3 rows')
    expect(await signed.audit()).toMatchObject({ ok: false, seq: 3 })

    // What the keeper knows is no longer known.
    writeFileSync(join(home.data, 'keeper/decision-head.json'), '')
    await signed.signEnd()
    expect(signed.fault()).toContain('decision-head.json is damaged')
    expect(await signed.audit()).toMatchObject({ ok: false, fault: expect.stringContaining('is not known') })
  })
})
