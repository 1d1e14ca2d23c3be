import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createLedger, DAY_CAP_MICROS, type Ledger, TURN_CAP_MICROS } from '../ledger.ts'
import { createTestState } from './state-fixture.ts'

const HOUR_MS = 3_600_000

const reserve = (ledger: Ledger, turn: string, ref: string, micros: number): boolean =>
  ledger.reserve({ turn, ref, kind: 'model', micros }).ok

/** Spends a whole day's cap in turns that are each within theirs. */
const spendTheDay = (ledger: Ledger, name: string): void => {
  for (let turn = 0; turn < DAY_CAP_MICROS / TURN_CAP_MICROS; turn++) {
    expect(reserve(ledger, `${name}-${turn}`, `${name}-${turn}/0`, TURN_CAP_MICROS)).toBe(true)
    ledger.settle(`${name}-${turn}/0`, TURN_CAP_MICROS)
  }
}

describe('the ledger', () => {
  test('refuses what would take a turn over 0.50 USD, to the micro-dollar', () => {
    using store = createTestState()
    const ledger = createLedger(store.state(), store.clock, 'UTC')
    expect(reserve(ledger, 't1', 't1/0', 499_999)).toBe(true)
    expect(reserve(ledger, 't1', 't1/1', 2)).toBe(false)
    expect(reserve(ledger, 't1', 't1/2', 1)).toBe(true)
    expect(ledger.spentInTurn('t1')).toBe(500_000)
    const refused = ledger.reserve({ turn: 't1', ref: 't1/3', kind: 'model', micros: 1 })
    expect(refused).toMatchObject({ ok: false, message: expect.stringContaining('0.5 of 0.5 USD are spent this turn') })
  })

  test('refuses what would take the day over 5 USD, also after a restart, until the next day of the time zone', () => {
    using store = createTestState()
    store.clock.set(Date.UTC(2027, 0, 15, 8, 0))
    const berlin = 'Europe/Berlin'
    spendTheDay(createLedger(store.state(), store.clock, berlin), 'a')
    const reopened = createLedger(store.reopen(), store.clock, berlin)
    reopened.settleAbandoned()
    expect(reserve(reopened, 'new', 'new/0', 1)).toBe(false)
    store.clock.set(Date.UTC(2027, 0, 15, 22, 59))
    expect(reserve(reopened, 'new', 'new/0', 1)).toBe(false)
    store.clock.advance(60_000) // midnight in Berlin, an hour before that of UTC
    expect(reserve(reopened, 'new', 'new/0', 1)).toBe(true)
    expect(reopened.spentToday()).toBe(1)
  })

  test('counts a call that was under way when the node died as spent', () => {
    using store = createTestState()
    reserve(createLedger(store.state(), store.clock, 'UTC'), 't1', 't1/0', 400_000)
    const reopened = createLedger(store.reopen(), store.clock, 'UTC')
    reopened.settleAbandoned()
    expect(reopened.spentInTurn('t1')).toBe(400_000)
    expect(reopened.spentToday()).toBe(400_000)
    expect(reserve(reopened, 't1', 't1/1', 100_001)).toBe(false)
  })

  test('settles at the real cost, which gives back what was reserved beyond it', () => {
    using store = createTestState()
    const ledger = createLedger(store.state(), store.clock, 'UTC')
    reserve(ledger, 't1', 't1/0', 400_000)
    ledger.settle('t1/0', 10)
    ledger.settle('t1/0', 10)
    expect(ledger.spentInTurn('t1')).toBe(10)
    expect(reserve(ledger, 't1', 't1/1', 499_990)).toBe(true)
  })

  test('never counts one call twice', () => {
    using store = createTestState()
    const ledger = createLedger(store.state(), store.clock, 'UTC')
    reserve(ledger, 't1', 't1/0', 100)
    expect(() => reserve(ledger, 't1', 't1/0', 100)).toThrow()
    expect(ledger.spentToday()).toBe(100)
  })

  test('keeps both caps whatever is reserved, settled and abandoned', () => {
    const steps = fc.array(
      fc.record({
        turn: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'),
        micros: fc.nat(TURN_CAP_MICROS),
        part: fc.double({ min: 0, max: 1, noNaN: true }),
        after: fc.constantFrom('settle', 'leave', 'restart'),
      }),
      { minLength: 20, maxLength: 60 },
    )
    let refusals = 0
    using store = createTestState()
    fc.assert(
      fc.property(steps, (calls) => {
        store.clock.advance(24 * HOUR_MS)
        const day = store.clock.now()
        const ledger = createLedger(store.state(), store.clock, 'UTC')
        store.state().transaction(() => {
          for (const [index, { turn, micros, part, after }] of calls.entries()) {
            const ref = `${day}/${turn}/${index}`
            if (!reserve(ledger, `${day}/${turn}`, ref, micros)) refusals++
            if (after === 'settle') ledger.settle(ref, Math.floor(micros * part))
            if (after === 'restart') ledger.settleAbandoned()
            expect(ledger.spentInTurn(`${day}/${turn}`)).toBeLessThanOrEqual(TURN_CAP_MICROS)
            expect(ledger.spentToday()).toBeLessThanOrEqual(DAY_CAP_MICROS)
          }
        })
      }),
      { numRuns: 20 },
    )
    expect(refusals).toBeGreaterThan(10)
  })
})
