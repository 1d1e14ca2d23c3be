import { describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { type ChainEnd, type DecisionHead, signDecisionHead } from '../../constraint-history/decision-head.ts'
import { createSigner } from '../../constraint-history/ssh-signature.ts'
import { createDecisionChain } from '../decision-chain.ts'
import { createDecisionHeads, type HeadKeeper } from '../decision-heads.ts'
import { createTestState, TEST_NOW } from './state-fixture.ts'

const signer = createSigner(generateKeyPairSync('ed25519').privateKey)
const KEYS = [signer.publicKey]

/** A keeper that signs whatever it is asked for, and keeps the last. */
const createHeadKeeper = () => {
  const asked: { readonly end: ChainEnd; readonly previous: ChainEnd | null }[] = []
  let last: DecisionHead | null = null
  const keeper: HeadKeeper = {
    last: async () => last,
    sign: async (end, previous) => {
      asked.push({ end, previous })
      last = signDecisionHead(end, TEST_NOW, signer)
      return last
    },
  }
  const forget = () => {
    last = null
  }
  return { ...keeper, asked, forget }
}

/** Three decisions of which the keeper has signed the end, then two more. */
const openSigned = async () => {
  const store = createTestState()
  const chain = createDecisionChain(store.state(), store.clock)
  const heads = createDecisionHeads(store.state())
  const keeper = createHeadKeeper()
  const decide = (cmd: string) =>
    chain.append({
      ...{ type: 'permission:bash:exec', turn: 't1', toolUseId: null, outcome: 'allowed', blockedBy: [], reason: null },
      ...{ rulesHash: 'h', rulesHead: null, positions: null, detail: { cmd } },
    })
  await heads.sign(keeper)
  for (const cmd of ['a', 'b', 'c']) decide(cmd)
  await heads.sign(keeper)
  await heads.sign(keeper)
  expect(keeper.asked).toEqual([{ end: expect.objectContaining({ count: 3 }), previous: null }])
  for (const cmd of ['d', 'e']) decide(cmd)
  return {
    ...{ heads, keeper, decide },
    run: (statement: string) => void store.state().database.run(statement),
    audit: (publicKeys: readonly string[] = KEYS) => heads.verify(chain, { publicKeys, last: keeper.last }),
    [Symbol.dispose]: () => store[Symbol.dispose](),
  }
}

const auditAfter = async (statements: readonly string[], keys: readonly string[] = KEYS) => {
  using it = await openSigned()
  for (const statement of statements) it.run(statement)
  return await it.audit(keys) // before it is closed
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

  test('shows it when the signed ends were cut off as well', async () => {
    const heads = 'delete from decision_heads'
    expect(await auditAfter([heads, 'delete from bp_decisions where seq > 2'])).toMatchObject({
      ...{ ok: false, seq: 3, fault: expect.stringContaining('row 3 is missing') },
    })
    expect(await auditAfter([heads, 'delete from bp_decisions'])).toMatchObject({ ok: false, seq: 1 })
    expect(await auditAfter([heads])).toEqual({ ok: true, count: 5 })
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
    expect(await auditAfter(['delete from decision_heads'], [])).toMatchObject({ ok: false, seq: 3 })
  })

  test('is missed when the keeper knows nothing of it', async () => {
    using it = await openSigned()
    it.keeper.forget()
    expect(await it.audit()).toMatchObject({ ok: false, seq: 3, fault: expect.stringContaining('its own record') })
  })

  test('says nothing against what the chain itself finds', async () => {
    expect(await auditAfter(['delete from bp_decisions where seq = 2'])).toMatchObject({
      ...{ ok: false, seq: 3, fault: 'row 2 is missing' },
    })
  })
})

describe('the next end', () => {
  test('is signed with the row at the last one', async () => {
    using it = await openSigned()
    const last = await it.keeper.last()
    await it.heads.sign(it.keeper)
    expect(it.keeper.asked[1]).toEqual({
      ...{ end: expect.objectContaining({ count: 5 }), previous: { count: 3, hash: last?.hash ?? '' } },
    })
  })

  test('of a chain that was cut off and has grown again is not asked for, and told', async () => {
    using it = await openSigned()
    for (const table of ['bp_decisions', 'decision_heads']) it.run(`delete from ${table}`)
    for (let row = 1; row <= 9; row++) {
      await expect(it.heads.sign(it.keeper)).rejects.toMatchObject({ code: 'RULES_TAMPERED' })
      it.decide(`again ${row}`)
    }
    expect(it.keeper.asked).toHaveLength(1)
    expect(await it.audit()).toMatchObject({ ok: false, seq: 3 })
  })

  test('that a kill kept from being noted is noted later, and the keeper is not asked again', async () => {
    using it = await openSigned()
    it.run('delete from decision_heads')
    it.run('delete from bp_decisions where seq > 3')
    await it.heads.sign(it.keeper)
    expect(it.keeper.asked).toHaveLength(1)
    it.keeper.forget()
    expect(await it.audit()).toMatchObject({ ok: false, seq: 3 })
  })
})
