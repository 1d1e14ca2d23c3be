import { describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { type ChainEnd, signDecisionHead } from '../../constraint-history/decision-head.ts'
import { createSigner } from '../../constraint-history/ssh-signature.ts'
import { createDecisionChain } from '../decision-chain.ts'
import { createDecisionHeads } from '../decision-heads.ts'
import { createTestState, TEST_NOW } from './state-fixture.ts'

const signer = createSigner(generateKeyPairSync('ed25519').privateKey)
const KEYS = [signer.publicKey]

/** Three decisions of which the keeper has signed the end, then two more, then the given SQL over them. */
const auditAfter = async (statements: readonly string[], keys: readonly string[] = KEYS) => {
  using store = createTestState()
  const chain = createDecisionChain(store.state(), store.clock)
  const heads = createDecisionHeads(store.state())
  const asked: ChainEnd[] = []
  const sign = async (end: ChainEnd) => {
    asked.push(end)
    return signDecisionHead(end, TEST_NOW, signer)
  }
  const decide = (cmd: string) =>
    chain.append({
      ...{ type: 'permission:bash:exec', turn: 't1', toolUseId: null, outcome: 'allowed', blockedBy: [], reason: null },
      ...{ rulesHash: 'h', rulesHead: null, positions: null, detail: { cmd } },
    })
  await heads.sign(sign)
  for (const cmd of ['a', 'b', 'c']) decide(cmd)
  await heads.sign(sign)
  await heads.sign(sign)
  expect(asked.map(({ count }) => count)).toEqual([3])
  for (const cmd of ['d', 'e']) decide(cmd)
  for (const statement of statements) store.state().database.run(statement)
  return heads.verify(createDecisionChain(store.state(), store.clock), keys)
}

describe('the end of the chain of decisions that the keeper signed', () => {
  test('is in the chain, which goes on', async () => {
    expect(await auditAfter([])).toEqual({ ok: true, count: 5 })
  })

  test('shows which rows were cut off', async () => {
    expect(await auditAfter(['delete from bp_decisions where seq > 2'])).toEqual({
      ...{ ok: false, seq: 3, fault: 'row 3 is missing: the keeper signed 3 rows at 2027-01-15T08:00:00.000Z' },
    })
    expect(await auditAfter(['delete from bp_decisions where seq > 1'])).toMatchObject({
      ...{ ok: false, seq: 2, fault: expect.stringContaining('rows 2 to 3 are missing') },
    })
    expect(await auditAfter(['delete from bp_decisions'])).toMatchObject({ ok: false, seq: 1 })
  })

  test('does not show a cut behind it', async () => {
    expect(await auditAfter(['delete from bp_decisions where seq > 3'])).toEqual({ ok: true, count: 3 })
  })

  test('is not the end of another chain', async () => {
    expect(await auditAfter([`update decision_heads set hash = '${'b'.repeat(64)}'`])).toMatchObject({
      ...{ ok: false, seq: 3, fault: expect.stringContaining('it is not the row that was there') },
    })
  })

  test('is not believed without the signature of the keeper', async () => {
    expect(await auditAfter(['update decision_heads set at = at + 1'])).toMatchObject({ ok: false, seq: 3 })
    expect(await auditAfter([], [])).toMatchObject({ ok: false, seq: 3 })
  })

  test('says nothing against what the chain itself finds', async () => {
    expect(await auditAfter(['delete from bp_decisions where seq = 2'])).toMatchObject({
      ...{ ok: false, seq: 3, fault: 'row 2 is missing' },
    })
  })
})
