import { describe, expect, test } from 'bun:test'
import { createChannelMemory } from '../channel-memory.ts'
import { createLinkedIdentities } from '../linked-identities.ts'
import { createTestState } from './state-fixture.ts'

describe('what is kept per channel', () => {
  test('cursor and values outlive a restart, apart for each channel', () => {
    using store = createTestState()
    const memory = createChannelMemory(store.state(), store.clock)
    memory.moveCursor('letters', '1')
    memory.moveCursor('letters', '2')
    memory.set('letters', 'session', 'a')
    memory.set('other', 'session', 'b')
    memory.set('other', 'gone', 'c')
    memory.set('other', 'gone', null)
    const reopened = createChannelMemory(store.reopen(), store.clock)
    expect([reopened.cursor('letters'), reopened.cursor('other')]).toEqual(['2', null])
    expect([reopened.get('letters', 'session'), reopened.get('other', 'session')]).toEqual(['a', 'b'])
    expect(reopened.get('other', 'gone')).toBeNull()
  })

  test('a value that is no small text is refused', () => {
    using store = createTestState()
    const memory = createChannelMemory(store.state(), store.clock)
    expect(() => memory.set('letters', 'session', 'x'.repeat(65_537))).toThrow('cannot keep 65537 characters')
  })
})

test('linked identities hold on their channel only, and until they are taken back', () => {
  using store = createTestState()
  const links = createLinkedIdentities(store.state(), store.clock)
  links.add('letters', 'test:phone')
  links.add('letters', 'test:phone')
  expect([links.has('letters', 'test:phone'), links.has('other', 'test:phone')]).toEqual([true, false])
  const reopened = createLinkedIdentities(store.reopen(), store.clock)
  expect(reopened.list()).toEqual([{ channel: 'letters', senderId: 'test:phone', at: store.clock.now() }])
  expect([reopened.remove('letters', 'test:phone'), reopened.remove('letters', 'test:phone')]).toEqual([true, false])
  expect(reopened.has('letters', 'test:phone')).toBe(false)
})
