import { describe, expect, test } from 'bun:test'
import { createJournal } from '../journal.ts'
import { createTestState, type TestState } from './state-fixture.ts'

const MINUTE_MS = 60_000
const nowhere = () => {}

const sessionsOf = (store: TestState) =>
  store
    .state()
    .database.query<{ id: number; ended_at: number | null; end_reason: string | null }, []>(
      'select id, ended_at, end_reason from sessions order by id',
    )
    .all()

const sessionOfEvents = (store: TestState): readonly number[] =>
  store
    .state()
    .database.query<{ session: number }, []>('select session from events order by seq')
    .all()
    .map(({ session }) => session)

describe('the journal', () => {
  test('records a step with a name once, and leaves the first record as it was', () => {
    using store = createTestState()
    const journal = createJournal(store.state(), store.clock, nowhere)
    journal.append({ type: 'tool.start', turn: 't1', ref: 'a', payload: { n: 1 } })
    journal.append({ type: 'tool.start', turn: 't1', ref: 'a', payload: { n: 2 } })
    journal.append({ type: 'tool.result', turn: 't1', ref: 'a', payload: { n: 3 } })
    const reopened = createJournal(store.reopen(), store.clock, nowhere)
    reopened.append({ type: 'tool.start', turn: 't1', ref: 'a', payload: { n: 4 } })
    expect(reopened.ofTurn('t1').map(({ type, payload }) => [type, payload])).toEqual([
      ['tool.start', { n: 1 }],
      ['tool.result', { n: 3 }],
    ])
    expect(reopened.has('tool.start', 'a')).toBe(true)
    expect(reopened.has('tool.start', 'b')).toBe(false)
  })

  test('keeps steps without a name however often they happen', () => {
    using store = createTestState()
    const journal = createJournal(store.state(), store.clock, nowhere)
    for (let resume = 0; resume < 3; resume++) journal.append({ type: 'turn.resume', turn: 't1', payload: {} })
    expect(journal.ofTurn('t1')).toHaveLength(3)
  })

  test('reads in the order of writing, also when the clock goes back', () => {
    using store = createTestState()
    const journal = createJournal(store.state(), store.clock, nowhere)
    for (const turn of ['t1', 't2', 't3']) {
      journal.append({ type: 'turn.start', turn, ref: turn, payload: {} })
      store.clock.advance(-10 * MINUTE_MS)
    }
    expect(journal.turnsBefore('t3', 1)).toEqual(['t2'])
    expect(journal.turnsBefore('t3', 9)).toEqual(['t2', 't1'])
    expect(journal.turnCountBefore('t3')).toBe(2)
    expect(journal.after(1, 10).map(({ turn }) => turn)).toEqual(['t2', 't3'])
    expect(journal.after(0, 1).map(({ turn }) => turn)).toEqual(['t1'])
  })

  test('finds the turn that has no end, and none when all have', () => {
    using store = createTestState()
    const journal = createJournal(store.state(), store.clock, nowhere)
    for (const turn of ['t1', 't2']) journal.append({ type: 'turn.start', turn, ref: turn, payload: {} })
    journal.append({ type: 'turn.end', turn: 't1', ref: 't1', payload: { end: 'done' } })
    expect(createJournal(store.reopen(), store.clock, nowhere).openTurn()).toBe('t2')
    createJournal(store.state(), store.clock, nowhere).append({ type: 'turn.end', turn: 't2', ref: 't2', payload: {} })
    expect(createJournal(store.state(), store.clock, nowhere).openTurn()).toBeNull()
  })

  test('finds the open turn behind the ones that a STOP dismissed while it ran', () => {
    using store = createTestState()
    const journal = createJournal(store.state(), store.clock, nowhere)
    for (let turn = 1; turn <= 200; turn++) {
      journal.append({ type: 'turn.start', turn: `t${turn}`, ref: `t${turn}`, payload: {} })
      if (turn > 1) journal.append({ type: 'turn.end', turn: `t${turn}`, ref: `t${turn}`, payload: {} })
    }
    expect(journal.openTurn()).toBe('t1')
  })

  test('names a point only when it is durable, and a transaction as one', () => {
    using store = createTestState()
    const points: string[] = []
    const journal = createJournal(store.state(), store.clock, (point) => points.push(`${point}:${durable()}`))
    const durable = () => (store.state().database.inTransaction ? 'open' : 'durable')
    journal.append({ type: 'turn.start', turn: 't1', payload: {} })
    journal.transaction('turn.end', () => {
      journal.append({ type: 'tool.result', turn: 't1', payload: {} })
      journal.append({ type: 'turn.end', turn: 't1', payload: {} })
    })
    expect(points).toEqual(['turn.start:durable', 'turn.end:durable'])
  })

  test('writes nothing of a transaction that fails, and names no point', () => {
    using store = createTestState()
    const points: string[] = []
    const journal = createJournal(store.state(), store.clock, (point) => points.push(point))
    const failing = () =>
      journal.transaction('turn.start', () => {
        journal.append({ type: 'turn.start', turn: 't1', payload: {} })
        throw new Error('half way')
      })
    expect(failing).toThrow('half way')
    expect(journal.ofTurn('t1')).toEqual([])
    expect(points).toEqual([])
  })
})

describe('a session', () => {
  const start = (store: TestState) => {
    const journal = createJournal(store.state(), store.clock, nowhere)
    const say = () => journal.append({ type: 'turn.resume', turn: null, payload: {} })
    return { journal, say }
  }

  test('goes on while something happens at least every 30 minutes, also across a restart', () => {
    using store = createTestState()
    start(store).say()
    store.clock.advance(30 * MINUTE_MS - 1)
    store.reopen()
    const { say } = start(store)
    say()
    store.clock.advance(30 * MINUTE_MS - 1)
    say()
    expect(sessionOfEvents(store)).toEqual([1, 1, 1])
    expect(sessionsOf(store)).toEqual([{ id: 1, ended_at: null, end_reason: null }])
  })

  test('ends after 30 idle minutes, at the time of the last event', () => {
    using store = createTestState()
    const { say } = start(store)
    const lastAt = store.clock.now()
    say()
    store.clock.advance(30 * MINUTE_MS)
    say()
    expect(sessionOfEvents(store)).toEqual([1, 2])
    expect(sessionsOf(store)).toEqual([
      { id: 1, ended_at: lastAt, end_reason: 'idle' },
      { id: 2, ended_at: null, end_reason: null },
    ])
  })

  test('ends at shutdown, and the next event begins another', () => {
    using store = createTestState()
    const { journal, say } = start(store)
    say()
    journal.endSession('shutdown')
    journal.endSession('shutdown')
    say()
    expect(sessionOfEvents(store)).toEqual([1, 2])
    expect(sessionsOf(store)[0]?.end_reason).toBe('shutdown')
  })
})
