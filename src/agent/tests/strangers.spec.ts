import { describe, expect, test } from 'bun:test'
import { createInbox } from '../inbox.ts'
import { createStrangers } from '../strangers.ts'
import { createTestState } from './state-fixture.ts'

const message = (messageId: string, senderId = 'test:stranger', channel = 'letters') => ({
  channel,
  messageId,
  senderId,
})
const DAY_MS = 24 * 60 * 60_000

describe('messages of strangers', () => {
  test('are recorded once each, without what they said', () => {
    using store = createTestState()
    const strangers = createStrangers(store.state(), store.clock)
    expect(strangers.note(message('m1'))).toBe('recorded')
    expect(strangers.note(message('m1'))).toBe('known')
    expect(createInbox(store.state(), store.clock).counts()).toEqual({ queued: 0, refused: 1 })
    expect(store.state().database.query('select text from inbound').all()).toEqual([{ text: '' }])
  })

  test('beyond ten of one sender and day are only counted, and another day begins anew', () => {
    using store = createTestState()
    const strangers = createStrangers(store.state(), store.clock)
    const outcomes = Array.from({ length: 1000 }, (_, n) => strangers.note(message(`m${n}`)))
    expect(outcomes.filter((outcome) => outcome === 'recorded')).toHaveLength(10)
    expect(strangers.unrecorded()).toBe(990)
    expect(strangers.note(message('x', 'test:another'))).toBe('recorded')
    store.clock.advance(DAY_MS)
    expect(strangers.note(message('next day'))).toBe('recorded')
  })

  test('of ever new senders write a bounded number of rows, and all are counted', () => {
    using store = createTestState()
    const strangers = createStrangers(store.state(), store.clock)
    store.state().transaction('test', () => {
      for (let n = 0; n < 5000; n++) strangers.note(message(`m${n}`, `test:${n}`))
    })
    const count = (table: string) => store.state().database.query(`select count(*) as n from ${table}`).get()
    expect(count('inbound')).toEqual({ n: 100 })
    expect(count('strangers')).toEqual({ n: 101 })
    expect(createInbox(store.state(), store.clock).counts().refused + strangers.unrecorded()).toBe(5000)
  })
})
