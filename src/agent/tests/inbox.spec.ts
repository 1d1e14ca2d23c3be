import { describe, expect, test } from 'bun:test'
import { createInbox, type InboundMessage } from '../inbox.ts'
import { createTestState } from './state-fixture.ts'

const message = (messageId: string, channel = 'cli'): InboundMessage => ({
  channel,
  messageId,
  senderId: 'local:owner',
  text: `text of ${messageId}`,
  followUp: false,
})

describe('the inbox', () => {
  test('takes a message that its channel delivers twice only once, also after a restart', () => {
    using store = createTestState()
    const inbox = createInbox(store.state(), store.clock)
    expect(inbox.accept(message('m1'))).toBe(true)
    expect(inbox.accept({ ...message('m1'), text: 'changed on the way' })).toBe(false)
    const reopened = createInbox(store.reopen(), store.clock)
    expect(reopened.accept(message('m1'))).toBe(false)
    expect(reopened.queued(1)[0]).toEqual(message('m1'))
    expect(reopened.counts().queued).toBe(1)
  })

  test('tells messages of two channels apart by channel and id', () => {
    using store = createTestState()
    const inbox = createInbox(store.state(), store.clock)
    expect(inbox.accept(message('m1', 'one'))).toBe(true)
    expect(inbox.accept(message('m1', 'two'))).toBe(true)
    inbox.refuse(message('m1', 'one'))
    expect(inbox.queued(1)[0]).toEqual(message('m1', 'two'))
  })

  test('gives messages in the order in which they came, whatever the clock says, and none twice', () => {
    using store = createTestState()
    const inbox = createInbox(store.state(), store.clock)
    for (const id of ['z', 'a', 'm']) {
      inbox.accept(message(id))
      store.clock.advance(-60_000)
    }
    const order: string[] = []
    for (let [next] = inbox.queued(1); next; [next] = inbox.queued(1)) {
      order.push(next.messageId)
      inbox.take(next, `turn-${next.messageId}`)
    }
    expect(order).toEqual(['z', 'a', 'm'])
    expect(inbox.ofTurn('turn-a')).toEqual(message('a'))
  })

  test('finds the messages of a turn without looking through all that ever came', () => {
    using store = createTestState()
    const plan = store
      .state()
      .database.query<{ detail: string }, []>(`explain query plan select count(*) from inbound where turn = 't1'`)
    expect(plan.all().map(({ detail }) => detail)).toEqual([expect.stringContaining('inbound_by_turn')])
  })

  test('is searched for words, newest first, and gives none of a stranger', () => {
    using store = createTestState()
    const inbox = createInbox(store.state(), store.clock)
    for (const id of ['old', 'stranger', 'new']) inbox.accept({ ...message(id), text: `See Example.org, says ${id}` })
    inbox.refuse(message('stranger'))
    expect(inbox.mentions('example.org', 9)).toEqual(['See Example.org, says new', 'See Example.org, says old'])
    expect(inbox.mentions('example.org', 1)).toEqual(['See Example.org, says new'])
    expect(inbox.mentions('example.com', 9)).toEqual([])
  })

  test('is searched in one normal form, whatever the letters', () => {
    using store = createTestState()
    const inbox = createInbox(store.state(), store.clock)
    const texts = ['at BÜCHER.example', 'at BU\u0308CHER.example', 'at ПРИМЕР.РФ', 'at plain.example']
    for (const text of texts) inbox.accept({ ...message(text), text })
    expect(inbox.mentions('bücher.example', 9)).toEqual([texts[1] ?? '', texts[0] ?? ''])
    expect(inbox.mentions('bücher.example', 1)).toEqual([texts[1] ?? ''])
    expect(inbox.mentions('пример.рф', 9)).toEqual([texts[2] ?? ''])
    expect(inbox.mentions('plain.example', 9)).toEqual([texts[3] ?? ''])
  })

  test('never gives out a refused or answered message again, and counts the refused', () => {
    using store = createTestState()
    const inbox = createInbox(store.state(), store.clock)
    inbox.accept(message('stranger'))
    inbox.accept(message('owner'))
    inbox.refuse(message('stranger'))
    inbox.take(message('owner'), 't1')
    inbox.answered('t1')
    expect(inbox.queued(1)).toEqual([])
    expect(inbox.accept(message('stranger'))).toBe(false)
    expect(inbox.counts()).toEqual({ queued: 0, refused: 1 })
  })
})
