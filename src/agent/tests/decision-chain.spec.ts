import { describe, expect, test } from 'bun:test'
import { createDecisionChain, type DecisionEntry } from '../decision-chain.ts'
import { createTestState, type TestState } from './state-fixture.ts'

const entry = (cmd: string, outcome: DecisionEntry['outcome'] = 'allowed'): DecisionEntry => ({
  type: 'permission:bash:exec',
  turn: 't1',
  toolUseId: 'toolu_1',
  outcome,
  blockedBy: outcome === 'blocked' ? ['rm#noRm'] : [],
  reason: outcome === 'blocked' ? 'rm#noRm: Nothing is removed.' : null,
  rulesHash: 'h',
  rulesHead: null,
  positions: null,
  detail: { cmd },
})

/** Five decisions, then the given SQL over them, then a walk by a fresh chain. */
const verifyAfter = (...statements: readonly string[]) => {
  using store = createTestState()
  const chain = createDecisionChain(store.state(), store.clock)
  for (const cmd of ['a', 'b', 'c', 'd', 'e']) {
    store.clock.advance(1000)
    chain.append(entry(cmd, cmd === 'c' ? 'blocked' : 'allowed'))
  }
  for (const statement of statements) store.state().database.run(statement)
  return createDecisionChain(store.state(), store.clock).verify()
}

const columnsOf = (store: TestState): readonly string[] =>
  store
    .state()
    .database.query<{ name: string }, []>(`select name from pragma_table_info('bp_decisions')`)
    .all()
    .map(({ name }) => name)

describe('the chain of decisions', () => {
  test('verifies as it was written, also after a restart', () => {
    using store = createTestState()
    createDecisionChain(store.state(), store.clock).append(entry('a'))
    const reopened = createDecisionChain(store.reopen(), store.clock)
    expect(reopened.append(entry('b', 'blocked'))).toBe(2)
    expect(reopened.verify()).toEqual({ ok: true, count: 2 })
    expect(reopened.counts()).toEqual({ allowed: 1, blocked: 1 })
  })

  test('names the row in which any column was edited', () => {
    using store = createTestState()
    const columns = columnsOf(store)
    expect(columns.length).toBeGreaterThan(10)
    const edits: Readonly<Record<string, string>> = {
      seq: 'seq = 33',
      at: 'at = at + 1',
      outcome: `outcome = 'operator'`,
      blocked_by: `blocked_by = '["other#rule"]'`,
      positions: `positions = '{"other#rule":1}'`,
      salt: `salt = x'00'`,
      detail: `detail = '{"cmd":"innocent"}'`,
    }
    for (const column of columns) {
      const edit = edits[column] ?? `${column} = 'edited'`
      const result = verifyAfter(`update bp_decisions set ${edit} where seq = 3`)
      expect({ column, ok: result.ok }).toEqual({ column, ok: false })
      if (!result.ok && column !== 'seq') expect(result.seq).toBe(3)
    }
  })

  test('names the row after a removed one', () => {
    expect(verifyAfter('delete from bp_decisions where seq = 2')).toMatchObject({
      ok: false,
      seq: 3,
      fault: 'row 2 is missing',
    })
    expect(verifyAfter('delete from bp_decisions where seq = 1')).toMatchObject({ ok: false, seq: 2 })
  })

  test('names the row after a removed one whose numbers were closed up', () => {
    expect(
      verifyAfter('delete from bp_decisions where seq = 2', 'update bp_decisions set seq = seq - 1 where seq > 2'),
    ).toMatchObject({ ok: false, seq: 2 })
  })

  test('names the first of two rows that changed places', () => {
    expect(
      verifyAfter(
        'update bp_decisions set seq = 99 where seq = 2',
        'update bp_decisions set seq = 2 where seq = 3',
        'update bp_decisions set seq = 3 where seq = 99',
      ),
    ).toMatchObject({ ok: false, seq: 2 })
  })

  test('still verifies when detail and salt of a row were erased, and not when only the detail was', () => {
    expect(verifyAfter('update bp_decisions set detail = null, salt = null where seq = 3')).toEqual({
      ok: true,
      count: 5,
    })
    expect(verifyAfter('update bp_decisions set detail = null where seq = 3')).toMatchObject({ ok: false, seq: 3 })
  })

  test('gives nothing away about an erased detail that is guessed', () => {
    using store = createTestState()
    const chain = createDecisionChain(store.state(), store.clock)
    chain.append(entry('same'))
    chain.append(entry('same'))
    const hashes = store
      .state()
      .database.query<{ detail_hash: string }, []>('select detail_hash from bp_decisions')
      .all()
    expect(new Set(hashes.map((row) => row.detail_hash)).size).toBe(2)
  })
})
