import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import fc from 'fast-check'
import { createLedger, EXTENSION_MICROS_MAX, EXTENSIONS_MAX, type Ledger } from '../ledger.ts'
import type { BudgetSpan, SpendCaps } from '../ledger.types.ts'
import { MIGRATIONS } from '../migrations.ts'
import { openState } from '../persistence.ts'
import { createTestClock, createTestFolder, createTestState, type TestState } from './state-fixture.ts'

const USD = 1_000_000
const HOUR_MS = 3_600_000
const CAPS: SpendCaps = { callMicros: 5 * USD, turnMicros: USD, dayMicros: 5 * USD, monthMicros: 50 * USD }
const OPERATOR = { grantedBy: 'command line', message: null } as const

const openLedger = (store: TestState, caps: Partial<SpendCaps> = {}, timezone = 'UTC'): Ledger =>
  createLedger(store.state(), { clock: store.clock, timezone, caps: { ...CAPS, ...caps } })

/** As after a restart. */
const reopen = (store: TestState, ...options: [Partial<SpendCaps>?, string?]): Ledger => {
  store.reopen()
  const ledger = openLedger(store, ...options)
  ledger.settleAbandoned()
  return ledger
}

let calls = 0
/** Reserves in a turn of its own unless one is named. */
const reserve = (ledger: Ledger, micros: number, turn = `turn ${++calls}`, ref = `call ${++calls}`) =>
  ledger.reserve({ turn, ref, kind: 'model', micros })

/** Spends in turns that are each within theirs. */
const spend = (ledger: Ledger, micros: number): void => {
  for (let left = micros; left > 0; left -= USD) {
    const ref = `spent ${++calls}`
    expect(reserve(ledger, Math.min(left, USD), undefined, ref)).toEqual({ ok: true })
    ledger.settle(ref, Math.min(left, USD))
  }
}

const refusal = (words: string) => ({ ok: false, message: expect.stringContaining(words) })

describe('a cap', () => {
  test('of one call refuses what could cost more, to the micro-dollar, and nothing else', () => {
    using store = createTestState()
    const ledger = openLedger(store, { callMicros: 500_000 })
    expect(reserve(ledger, 500_001)).toEqual(refusal('one call may cost at most 0.5 USD; PLAITED_CAP_CALL_USD'))
    expect(ledger.spentToday()).toBe(0)
    expect(reserve(ledger, 500_000)).toEqual({ ok: true })
  })

  test('of a turn refuses what would take it over, to the micro-dollar, and leaves other turns alone', () => {
    using store = createTestState()
    const ledger = openLedger(store)
    expect(reserve(ledger, USD - 1, 't1')).toEqual({ ok: true })
    expect(reserve(ledger, 2, 't1')).toEqual(refusal('0.999999 of the 1 USD for this turn are spent'))
    expect(reserve(ledger, 1, 't1')).toEqual({ ok: true })
    expect(ledger.spentInTurn('t1')).toBe(USD)
    expect(reserve(ledger, USD, 't2')).toEqual({ ok: true })
  })

  test('of a day refuses what would take it over, also after a restart, and names the word that raises it', () => {
    using store = createTestState()
    const ledger = openLedger(store)
    spend(ledger, 5 * USD - 1)
    expect(reserve(ledger, 1)).toEqual({ ok: true })
    const refused = refusal('5 of the 5 USD for today are spent; say "budget +1 today" to raise that')
    expect(reserve(ledger, 1)).toEqual(refused)
    const reopened = reopen(store)
    expect(reserve(reopened, 1)).toEqual(refused)
    expect(reserve(reopened, 1)).toEqual(refused)
  })

  test('of a month refuses what a day would still allow', () => {
    using store = createTestState()
    const ledger = openLedger(store, { monthMicros: 12 * USD })
    for (const micros of [5 * USD, 5 * USD, 2 * USD]) {
      spend(ledger, micros)
      store.clock.advance(24 * HOUR_MS)
    }
    expect(reserve(ledger, 1)).toEqual(refusal('12 of the 12 USD for this month are spent; say "budget +1 this month"'))
    expect(ledger.spentToday()).toBe(0)
  })

  test('of zero allows only what costs nothing', () => {
    using store = createTestState()
    const ledger = openLedger(store, { callMicros: 0, turnMicros: 0, dayMicros: 0, monthMicros: 0 })
    expect(reserve(ledger, 1).ok).toBe(false)
    expect(reserve(ledger, 0)).toEqual({ ok: true })
  })
})

describe('a day and a month', () => {
  const ends = (timezone: string, lastMinute: number, span: BudgetSpan) => {
    using store = createTestState()
    store.clock.set(lastMinute - HOUR_MS)
    const caps = { dayMicros: USD, monthMicros: USD }
    const ledger = openLedger(store, span === 'day' ? { ...caps, monthMicros: 50 * USD } : caps, timezone)
    spend(ledger, USD)
    store.clock.set(lastMinute + 59_999)
    const before = reserve(ledger, 1).ok
    store.clock.advance(1)
    return { before, after: reserve(ledger, 1).ok, period: ledger.budget()[span].period }
  }

  test.each([
    ['UTC', Date.UTC(2027, 0, 15, 23, 59), '2027-01-16'],
    ['Europe/Berlin, in winter', Date.UTC(2027, 0, 15, 22, 59), '2027-01-16'],
    ['Europe/Berlin, the day of 23 hours', Date.UTC(2027, 2, 28, 21, 59), '2027-03-29'],
    ['Europe/Berlin, before the day of 25 hours', Date.UTC(2027, 9, 30, 21, 59), '2027-10-31'],
    ['America/New_York, the day of 25 hours', Date.UTC(2027, 10, 8, 4, 59), '2027-11-08'],
    ['Asia/Kolkata', Date.UTC(2027, 0, 15, 18, 29), '2027-01-16'],
    ['America/Santiago, whose clocks change at midnight', Date.UTC(2027, 8, 5, 3, 59), '2027-09-05'],
  ])('of %s: the day ends at its own midnight', (place, lastMinute, period) => {
    expect(ends(place.split(',')[0] ?? '', lastMinute, 'day')).toEqual({ before: false, after: true, period })
  })

  test.each([
    ['Europe/Berlin, whose October ends on its day of 25 hours', Date.UTC(2027, 9, 31, 22, 59), '2027-11'],
    ['Europe/Berlin, at new year', Date.UTC(2027, 11, 31, 22, 59), '2028-01'],
    ['Pacific/Kiritimati, 14 hours ahead', Date.UTC(2028, 1, 29, 9, 59), '2028-03'],
  ])('of %s: the month ends at its own midnight', (place, lastMinute, period) => {
    expect(ends(place.split(',')[0] ?? '', lastMinute, 'month')).toEqual({ before: false, after: true, period })
  })

  test('keep a call that ends after midnight where it was reserved', () => {
    using store = createTestState()
    store.clock.set(Date.UTC(2027, 0, 31, 23, 59))
    const ledger = openLedger(store)
    reserve(ledger, USD, 't1', 'late')
    store.clock.advance(HOUR_MS)
    ledger.settle('late', 300_000)
    expect(ledger.spentToday()).toBe(0)
    expect(ledger.budget().month).toMatchObject({ period: '2027-02', spentMicros: 0 })
    store.clock.set(Date.UTC(2027, 0, 31, 12))
    expect(ledger.budget().day).toMatchObject({ period: '2027-01-31', spentMicros: 300_000 })
  })
})

describe('a call', () => {
  test('that was under way when the node died counts in full', () => {
    using store = createTestState()
    reserve(openLedger(store), 900_000, 't1')
    const reopened = reopen(store)
    expect([reopened.spentInTurn('t1'), reopened.spentToday()]).toEqual([900_000, 900_000])
    expect(reserve(reopened, 100_001, 't1').ok).toBe(false)
  })

  test('settles at its real cost, which gives back what was reserved beyond it', () => {
    using store = createTestState()
    const ledger = openLedger(store)
    reserve(ledger, 400_000, 't1', 'call')
    ledger.settle('call', 10)
    expect(ledger.spentInTurn('t1')).toBe(10)
    expect(reserve(ledger, USD - 10, 't1')).toEqual({ ok: true })
  })

  test('that did cost more than was reserved counts in full, and the next one is refused', () => {
    using store = createTestState()
    const ledger = openLedger(store)
    reserve(ledger, 400_000, 't1', 'call')
    ledger.settle('call', USD + 1)
    expect(ledger.spentInTurn('t1')).toBe(USD + 1)
    expect(reserve(ledger, 1, 't1').ok).toBe(false)
  })

  test('is neither reserved nor settled twice, nor settled without a reservation', () => {
    using store = createTestState()
    const ledger = openLedger(store)
    reserve(ledger, 100, 't1', 'call')
    expect(() => reserve(ledger, 100, 't1', 'call')).toThrow('UNIQUE')
    ledger.settle('call', 50)
    expect(() => ledger.settle('call', 0)).toThrow('is not reserved')
    expect(() => ledger.settle('another', 7)).toThrow('is not reserved')
    expect(ledger.spentToday()).toBe(50)
  })
})

test('a ledger of the first version of the schema goes on with what it had counted', () => {
  using folder = createTestFolder()
  const path = join(folder.path, 'events.sqlite')
  const old = new Database(path)
  old.run(MIGRATIONS[0] ?? '')
  old.run('PRAGMA user_version = 1')
  old.run(`insert into spend (at, day, turn, kind, ref, micros, currency, state, lane, principal)
    values (0, '2027-01-15', 't1', 'model', 't1/0', 4000000, 'USD', 'settled', 'owner', 'owner')`)
  old.close()
  const state = openState(path)
  const ledger = createLedger(state, { clock: createTestClock(), timezone: 'UTC', caps: CAPS })
  expect(ledger.budget().month).toMatchObject({ spentMicros: 4 * USD, limitMicros: 50 * USD, extensions: [] })
  expect(reserve(ledger, USD + 1).ok).toBe(false)
  expect(ledger.warningsFor('t2')).toHaveLength(1)
  state.close()
})

describe('an extension', () => {
  test('raises its day or its month, not the other, and is over with it', () => {
    using store = createTestState()
    const ledger = openLedger(store, { dayMicros: USD, monthMicros: 2 * USD })
    spend(ledger, USD)
    ledger.extend({ span: 'month', micros: 10 * USD }, OPERATOR)
    expect(reserve(ledger, 1)).toEqual(refusal('for today'))
    ledger.extend({ span: 'day', micros: 2 * USD }, OPERATOR)
    spend(ledger, 2 * USD)
    expect(reserve(ledger, 1)).toEqual(refusal('3 of the 3 USD for today'))
    store.clock.advance(24 * HOUR_MS)
    spend(ledger, USD)
    expect(reserve(ledger, 1)).toEqual(refusal('1 of the 1 USD for today'))
    expect(ledger.budget().month).toMatchObject({ capMicros: 2 * USD, limitMicros: 12 * USD, spentMicros: 4 * USD })
  })

  test('survives a restart, with who gave it and when', () => {
    using store = createTestState()
    const at = store.clock.now()
    openLedger(store).extend({ span: 'day', micros: 7 }, { grantedBy: 'letters/github:1', message: 'letters/m1' })
    store.clock.advance(HOUR_MS)
    expect(reopen(store).budget().day).toEqual({
      ...{ period: '2027-01-15', spentMicros: 0, capMicros: 5 * USD, limitMicros: 5 * USD + 7 },
      extensions: [{ at, micros: 7, grantedBy: 'letters/github:1' }],
    })
  })

  test('of one message is given once, however often a crash repeats it', () => {
    using store = createTestState()
    const by = { grantedBy: 'letters/github:1', message: 'letters/m1' }
    openLedger(store).extend({ span: 'day', micros: USD }, by)
    const reopened = reopen(store)
    reopened.extend({ span: 'day', micros: USD }, by)
    store.clock.advance(24 * HOUR_MS)
    reopened.extend({ span: 'day', micros: USD }, by)
    expect(reopened.budget().day.limitMicros).toBe(5 * USD)
    store.clock.advance(-24 * HOUR_MS)
    expect(reopened.budget().day.limitMicros).toBe(6 * USD)
  })

  test('is limited in size and in number', () => {
    using store = createTestState()
    const ledger = openLedger(store)
    for (const micros of [0, -1, EXTENSION_MICROS_MAX + 1]) {
      expect(() => ledger.extend({ span: 'day', micros }, OPERATOR)).toThrow('at most 100 USD')
    }
    for (let given = 0; given < EXTENSIONS_MAX; given++) ledger.extend({ span: 'day', micros: USD }, OPERATOR)
    expect(() => ledger.extend({ span: 'day', micros: 1 }, OPERATOR)).toThrow(`already raised ${EXTENSIONS_MAX} times`)
    ledger.extend({ span: 'month', micros: EXTENSION_MICROS_MAX }, OPERATOR)
    expect(ledger.budget().day.limitMicros).toBe((5 + EXTENSIONS_MAX) * USD)
  })
})

describe('the warning', () => {
  test('comes at 80 % of the limit, to the micro-dollar', () => {
    using store = createTestState()
    const ledger = openLedger(store)
    spend(ledger, 4 * USD - 1)
    expect(ledger.warningsFor('t1')).toEqual([])
    spend(ledger, 1)
    expect(ledger.warningsFor('t2')).toEqual([
      expect.stringMatching(/^Note: 4 of the 5 USD for today are spent, 80 % or more; .* "budget \+1 today"\.$/),
    ])
  })

  test('is told by one turn a day, by that one also after a crash, and again the next day', () => {
    using store = createTestState()
    const ledger = openLedger(store)
    spend(ledger, 4 * USD)
    expect(ledger.warningsFor('t1')).toHaveLength(1)
    expect(ledger.warningsFor('t2')).toEqual([])
    const reopened = reopen(store)
    spend(reopened, USD)
    expect(reopened.warningsFor('t3')).toEqual([])
    expect(reopened.warningsFor('t1')).toHaveLength(1)
    store.clock.advance(24 * HOUR_MS)
    expect(reopened.warningsFor('t4')).toEqual([])
    spend(reopened, 4 * USD)
    expect(reopened.warningsFor('t5')).toHaveLength(1)
  })

  test('of a month is told beside that of a day, and measured by the limit as it was raised', () => {
    using store = createTestState()
    const ledger = openLedger(store, { monthMicros: 5 * USD })
    ledger.extend({ span: 'day', micros: USD }, OPERATOR)
    spend(ledger, 4 * USD)
    expect(ledger.warningsFor('t1')).toEqual([expect.stringContaining('4 of the 5 USD for this month')])
    spend(ledger, 800_000)
    expect(ledger.warningsFor('t2')).toEqual([expect.stringContaining('4.8 of the 6 USD for today')])
  })
})

type Action =
  | { readonly kind: 'call'; readonly turn: number; readonly micros: number }
  | { readonly kind: 'settle'; readonly pick: number; readonly percent: number }
  | { readonly kind: 'extend'; readonly span: BudgetSpan }
  | { readonly kind: 'crash' }
  | { readonly kind: 'wait'; readonly hours: number }

/** What the ledger must say, kept by the simplest means, apart from it. */
const createBook = (caps: SpendCaps) => {
  type Row = { readonly ref: string; readonly turn: string; readonly day: string; micros: number; open: boolean }
  const rows: Row[] = []
  const extensions: { readonly period: string; readonly micros: number }[] = []
  const sum = (of: readonly { readonly micros: number }[]) => of.reduce((total, { micros }) => total + micros, 0)
  const spentIn = (period: string) => sum(rows.filter(({ day }) => day.startsWith(period)))
  const limitOf = (period: string) =>
    (period.length > 7 ? caps.dayMicros : caps.monthMicros) + sum(extensions.filter((row) => row.period === period))
  return {
    spentIn,
    limitOf,
    fits: (turn: string, day: string, micros: number): boolean =>
      micros <= caps.callMicros &&
      sum(rows.filter((row) => row.turn === turn)) + micros <= caps.turnMicros &&
      [day, day.slice(0, 7)].every((period) => spentIn(period) + micros <= limitOf(period)),
    reserve: (row: Omit<Row, 'open'>) => rows.push({ ...row, open: true }),
    open: () => rows.filter((row) => row.open),
    extend: (period: string, micros: number) => extensions.push({ period, micros }),
  }
}

test('whatever is reserved, settled, extended and crashed: no cap is broken, and no micro-dollar is lost or doubled', () => {
  const action: fc.Arbitrary<Action> = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('call'), turn: fc.nat(3), micros: fc.nat(700_000) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('settle'), pick: fc.nat(), percent: fc.nat(100) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('extend'), span: fc.constantFrom('day', 'month') }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash') }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait'), hours: fc.nat(40) }) },
  )
  const caps = { callMicros: 600_000, turnMicros: 2 * USD, dayMicros: 3 * USD, monthMicros: 5 * USD }
  const seen = { refused: 0, crashed: 0, extended: 0 }
  using store = createTestState()

  const playAll = (actions: readonly Action[]): void => {
    store.clock.advance(32 * 24 * HOUR_MS) // a month of its own
    let ledger = openLedger(store, caps, 'Europe/Berlin')
    const book = createBook(caps)
    const play = (step: (typeof actions)[number], day: string): void => {
      switch (step.kind) {
        case 'call': {
          const row = { turn: `${day}/${step.turn}`, ref: `call ${++calls}`, micros: step.micros }
          const fits = book.fits(row.turn, day, row.micros)
          expect(ledger.reserve({ ...row, kind: 'model' }).ok).toBe(fits)
          if (fits) book.reserve({ ...row, day })
          else seen.refused++
          return
        }
        case 'settle': {
          const row = book.open()[step.pick % Math.max(book.open().length, 1)]
          if (!row) return
          row.micros = Math.floor((row.micros * step.percent) / 100)
          row.open = false
          ledger.settle(row.ref, row.micros)
          return
        }
        case 'extend':
          ledger.extend({ span: step.span, micros: 250_000 }, OPERATOR)
          book.extend(ledger.budget()[step.span].period, 250_000)
          seen.extended++
          return
        case 'crash':
          ledger = reopen(store, caps, 'Europe/Berlin')
          for (const row of book.open()) row.open = false
          seen.crashed++
          return
        case 'wait':
          store.clock.advance(step.hours * HOUR_MS)
      }
    }
    for (const step of actions) {
      play(step, ledger.budget().day.period)
      const { day, month } = ledger.budget()
      for (const { period, spentMicros, limitMicros } of [day, month]) {
        expect({ spentMicros, limitMicros }).toEqual({
          spentMicros: book.spentIn(period),
          limitMicros: book.limitOf(period),
        })
        expect(spentMicros).toBeLessThanOrEqual(limitMicros)
      }
    }
  }
  fc.assert(fc.property(fc.array(action, { minLength: 30, maxLength: 50 }), playAll), { numRuns: 12 })
  expect(Math.min(seen.refused, seen.crashed, seen.extended)).toBeGreaterThan(3)
})
