import { describe, expect, test } from 'bun:test'
import { say } from '../agent/tests/loop-fixture.ts'
import { createTestChannel, createTestConversation } from './conversation-fixture.ts'

const echo = () => say('answered')

describe('STOP', () => {
  /** A model that answers when it is told to, so that a turn runs for as long as a test wants. */
  const slow = () => {
    const begun = Promise.withResolvers<void>()
    const go = Promise.withResolvers<void>()
    const answer = async () => {
      begun.resolve()
      await go.promise
      return say('answered')
    }
    return { begun: begun.promise, go: go.resolve, answer }
  }

  test('ends the running turn and dismisses what waits, and every message is answered once', async () => {
    const model = slow()
    await using it = createTestConversation({ answer: model.answer })
    const channel = createTestChannel()
    const end = it.serve(channel)
    channel.receive('m1', 'work')
    await model.begun
    channel.receive('m2', 'and then this')
    channel.receive('m3', 'STOP!')
    expect((await channel.replyTo('m3')).text).toBe('Stopped the running turn. 1 waiting message was dismissed.')
    model.go()
    expect((await channel.replyTo('m1')).text).toStartWith('Stopped.')
    expect((await channel.replyTo('m2')).text).toStartWith('Not done')
    await end()
    expect(it.loop.requests).toHaveLength(1)
    expect(channel.sent.map(({ replyTo }) => replyTo).sort()).toEqual(['m1', 'm2', 'm3'])
  })

  test('dismisses what waits also when a message of another channel has the id of the STOP', async () => {
    const model = slow()
    await using it = createTestConversation({ answer: model.answer })
    const [letters, piped] = [createTestChannel(), createTestChannel('piped')]
    const ends = [it.serve(letters), it.serve(piped)]
    letters.receive('m1', 'work')
    await model.begun
    piped.receive('7', 'and then this')
    letters.receive('7', 'stop')
    expect((await letters.replyTo('7')).text).toBe('Stopped the running turn. 1 waiting message was dismissed.')
    model.go()
    expect((await piped.replyTo('7')).text).toStartWith('Not done')
    for (const end of ends) await end()
  })

  test('ends the running turn also when nothing can be written any more, and the node learns of that', async () => {
    const model = slow()
    const full = new Error('the disk is full')
    const noteStop = () => {
      throw full
    }
    await using it = createTestConversation({ answer: model.answer, freeze: (freeze) => ({ ...freeze, noteStop }) })
    const channel = createTestChannel()
    const end = it.serve(channel)
    channel.receive('m1', 'work')
    await model.begun
    channel.receive('m2', 'stop')
    expect((await channel.replyTo('m1')).text).toStartWith('Stopped.')
    await end()
    expect(it.faults).toEqual([full])
  })

  test('does not hide that an answer which came at the same time could not be recorded', async () => {
    const full = new Error('the disk is full')
    await using it = createTestConversation({ answer: echo }, (parts) => ({
      ...parts,
      ledger: {
        ...parts.ledger,
        settle: () => {
          void it.conversation.stop('interrupt')
          throw full
        },
      },
    }))
    const channel = createTestChannel()
    channel.receive('m1', 'work')
    await it.serveAll(channel)
    expect(it.faults).toEqual([full])
    expect(channel.sent).toEqual([])
  })

  test('twice within a minute freezes the node, also across a restart, until the owner says resume', async () => {
    await using it = createTestConversation({ answer: echo })
    const { freeze } = it
    expect(await it.conversation.stop('word')).toEqual({ stopped: false, dismissed: 0, frozen: false })
    it.loop.store.clock.advance(59_000)
    expect(await it.conversation.stop('word')).toMatchObject({ frozen: true })
    const channel = createTestChannel()
    channel.receive('m1', 'work')
    await it.serveAll(channel, it.restart())
    expect(channel.sent[0]?.text).toContain('I am frozen')
    expect(it.loop.requests).toEqual([])
    expect(freeze.resume()).toBe(true)
    const thawed = createTestChannel()
    thawed.receive('m2', 'work')
    await it.serveAll(thawed, it.restart())
    expect(it.loop.requests).toHaveLength(1)
  })

  test('twice with more than a minute between freezes nothing', async () => {
    await using it = createTestConversation({ answer: echo })
    await it.conversation.stop('word')
    it.loop.store.clock.advance(60_000)
    expect(await it.conversation.stop('word')).toMatchObject({ frozen: false })
  })
})
