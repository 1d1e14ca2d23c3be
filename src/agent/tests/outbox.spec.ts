import { describe, expect, test } from 'bun:test'
import { createOutbox, type Outbox } from '../outbox.ts'
import { createTestState } from './state-fixture.ts'

const reply = (key: string, text = `answer ${key}`) => ({
  ...{ key, channel: 'cli', turn: key, to: 'o', replyTo: `m-${key}`, text },
})

/** Every part of the reply arrives. */
const deliver = (outbox: Outbox, key: string) => {
  for (const part of outbox.parts(key, () => ['text'])) {
    outbox.sending(part.key)
    outbox.sent(part.key, 'id')
  }
}

describe('the outbox', () => {
  test('keeps one reply per key, the first', () => {
    using store = createTestState()
    const outbox = createOutbox(store.state(), store.clock)
    outbox.add(reply('t1'))
    outbox.add(reply('t1', 'another'))
    expect(outbox.pending('cli')).toEqual([{ ...reply('t1'), kind: 'reply', answers: [] }])
  })

  test('gives replies in order, those of one channel only, until they are sent', () => {
    using store = createTestState()
    const outbox = createOutbox(store.state(), store.clock)
    for (const key of ['t2', 't1', 't3']) outbox.add(reply(key))
    outbox.add({ ...reply('other'), channel: 'elsewhere' })
    deliver(outbox, 't2')
    expect(
      createOutbox(store.reopen(), store.clock)
        .pending('cli')
        .map(({ key }) => key),
    ).toEqual(['t1', 't3'])
  })

  test('lays a reply out once, and after a restart in the middle only the missing parts are left', () => {
    using store = createTestState()
    const outbox = createOutbox(store.state(), store.clock)
    outbox.add(reply('t1'))
    expect(outbox.parts('t1', () => ['a', 'b', 'c']).map(({ key }) => key)).toEqual(['t1/1', 't1/2', 't1/3'])
    outbox.sending('t1/1')
    outbox.sent('t1/1', 'theirs')
    outbox.sending('t1/2')
    const reopened = createOutbox(store.reopen(), store.clock)
    expect(reopened.parts('t1', () => ['another', 'layout'])).toEqual([
      { key: 't1/2', text: 'b', unsettled: 1 },
      { key: 't1/3', text: 'c', unsettled: 0 },
    ])
    expect(reopened.pending('cli')).toHaveLength(1)
    for (const key of ['t1/2', 't1/3']) reopened.sent(key, 'theirs')
    expect(reopened.pending('cli')).toEqual([])
  })

  test('keeps the code of a question until it has left, and not longer; what answers keeps its words', () => {
    using store = createTestState()
    const outbox = createOutbox(store.state(), store.clock)
    const texts = (): string => {
      const { database } = store.state()
      const all = database.query<{ text: string }, []>(
        'select text from outbox union all select text from outbox_parts',
      )
      return all
        .all()
        .map(({ text }) => text)
        .join('\n')
    }
    outbox.add({ ...reply('t1/q1', 'Answer bcdfghjk\nor no'), kind: 'question' })
    outbox.add(reply('t1', 'they said kjhgfdcb'))
    const [first] = outbox.parts('t1/q1', () => ['Answer bcdfghjk', 'or no'])
    for (const { key, text } of outbox.parts('t1', () => ['they said kjhgfdcb'])) outbox.sent(key, text)
    outbox.sending('t1/q1/1')
    expect(createOutbox(store.reopen(), store.clock).pending('cli')[0]?.text).toContain('bcdfghjk')
    const again = createOutbox(store.state(), store.clock)
    expect(first?.text).toContain('bcdfghjk')
    for (const { key } of again.parts('t1/q1', () => [])) again.sent(key, 'theirs')
    expect(texts()).not.toContain('bcdfghjk')
    expect(texts()).toContain('Answer (a code)\nor no')
    expect(texts().match(/kjhgfdcb/g)).toHaveLength(2)
  })

  test('counts the attempts whose outcome nobody knows, and forgets them when it is known', () => {
    using store = createTestState()
    const outbox = createOutbox(store.state(), store.clock)
    outbox.add(reply('t1'))
    outbox.parts('t1', () => ['a'])
    const unsettled = () => outbox.parts('t1', () => [])[0]?.unsettled
    outbox.sending('t1/1')
    outbox.unsent('t1/1')
    expect(unsettled()).toBe(0)
    for (let attempt = 0; attempt < 2; attempt++) outbox.sending('t1/1')
    outbox.unsent('t1/1')
    expect(unsettled()).toBe(1)
    outbox.missing('t1/1')
    expect(unsettled()).toBe(0)
  })

  test('is done with a part that was abandoned, and says how many there are', () => {
    using store = createTestState()
    const outbox = createOutbox(store.state(), store.clock)
    outbox.add(reply('t1'))
    outbox.parts('t1', () => ['a', 'b'])
    outbox.abandon('t1/1', 'refused')
    expect(outbox.parts('t1', () => []).map(({ key }) => key)).toEqual(['t1/2'])
    outbox.sent('t1/2', 'theirs')
    expect(outbox.pending('cli')).toEqual([])
    expect(outbox.abandoned()).toBe(1)
  })

  test('takes over a row that an earlier version was sending when it died', () => {
    using store = createTestState()
    const outbox = createOutbox(store.state(), store.clock)
    outbox.add({ ...reply('t1'), to: '' })
    store.state().database.run(`update outbox set state = 'sending', recipient = null`)
    expect(outbox.parts('t1', () => ['a', 'b']).map(({ unsettled }) => unsettled)).toEqual([1, 0])
    expect(outbox.pending('cli')).toMatchObject([{ to: '' }])
  })

  test('keeps what nobody asked for apart from answers', () => {
    using store = createTestState()
    const outbox = createOutbox(store.state(), store.clock)
    outbox.add({ ...reply('t1'), replyTo: null })
    expect(outbox.pending('cli')).toMatchObject([{ replyTo: null, answers: [] }])
  })
})
