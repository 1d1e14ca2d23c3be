import { describe, expect, test } from 'bun:test'
import { createOutbox } from '../outbox.ts'
import { createTestState } from './state-fixture.ts'

const reply = (key: string, text = `answer ${key}`) => ({ key, channel: 'cli', turn: key, replyTo: `m-${key}`, text })

describe('the outbox', () => {
  test('keeps one reply per key, the first', () => {
    using store = createTestState()
    const outbox = createOutbox(store.state(), store.clock)
    outbox.add(reply('t1'))
    outbox.add(reply('t1', 'another'))
    expect(outbox.pending('cli')).toEqual([{ ...reply('t1'), kind: 'reply', answers: [], repeat: false }])
  })

  test('gives replies in order, those of one channel only, until they are sent', () => {
    using store = createTestState()
    const outbox = createOutbox(store.state(), store.clock)
    for (const key of ['t2', 't1', 't3']) outbox.add(reply(key))
    outbox.add({ ...reply('other'), channel: 'elsewhere' })
    outbox.sending('t2')
    outbox.sent('t2')
    expect(
      createOutbox(store.reopen(), store.clock)
        .pending('cli')
        .map(({ key }) => key),
    ).toEqual(['t1', 't3'])
  })

  test('marks a reply as a repeat when the node died while it was being sent, and only then', () => {
    using store = createTestState()
    const outbox = createOutbox(store.state(), store.clock)
    for (const key of ['untried', 'certain', 'unsure']) outbox.add(reply(key))
    outbox.sending('certain')
    outbox.unsent('certain')
    outbox.sending('unsure')
    const pending = createOutbox(store.reopen(), store.clock).pending('cli')
    expect(pending.map(({ key, repeat }) => [key, repeat])).toEqual([
      ['untried', false],
      ['certain', false],
      ['unsure', true],
    ])
  })
})
