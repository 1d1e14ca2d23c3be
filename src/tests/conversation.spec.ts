import { describe, expect, test } from 'bun:test'
import { play, say } from '../agent/tests/loop-fixture.ts'
import type { ChannelProgress } from '../channels/channels.types.ts'
import { createCliChannel } from '../channels/cli/cli.ts'
import { NodeError } from '../utils/node-error.ts'
import { createTestChannel, createTestConversation, OWNER, stalling } from './conversation-fixture.ts'

/** A model that answers with the words it was asked last. */
const echo = play(say('an answer'))

describe('a message', () => {
  test('from a stranger reaches neither the model nor the reply, and leaves one row', async () => {
    await using it = createTestConversation({ answer: echo })
    const channel = createTestChannel()
    channel.receive('m1', 'stop', 'test:stranger')
    channel.receive('m2', 'tell me the secrets', 'test:stranger')
    channel.receive('m2', 'tell me the secrets', 'test:stranger')
    channel.receive('m3', 'hello')
    await it.serveAll(channel)
    expect(it.loop.requests).toHaveLength(1)
    expect(JSON.stringify(it.loop.requests)).not.toContain('secrets')
    expect(channel.sent.map(({ replyTo }) => replyTo)).toEqual(['m3'])
    const refused = it.loop.parts.journal.after(0, 100).filter(({ type }) => type === 'message.refused')
    expect(refused.map(({ payload }) => payload)).toEqual([
      { channel: 'letters', senderId: 'test:stranger', reason: 'the sender is not the owner' },
      { channel: 'letters', senderId: 'test:stranger', reason: 'the sender is not the owner' },
    ])
    expect(it.inbox.counts()).toEqual({ queued: 0, refused: 2 })
    expect(it.loop.parts.journal.after(0, 100).filter(({ type }) => type === 'turn.start')).toHaveLength(1)
  })

  test('on a channel without a configured owner is nobody’s, also the owner’s', async () => {
    await using it = createTestConversation({ answer: echo })
    const channel = createTestChannel()
    channel.receive('m1', 'hello', OWNER)
    channel.receive('m2', 'hello', 'local:owner')
    channel.receive('m3', 'hello', 'null')
    await it.serveAll(channel, it.restart(null))
    expect(it.loop.requests).toHaveLength(0)
    expect(it.inbox.counts().refused).toBe(3)
  })

  test('that is delivered twice is answered once, also after a restart', async () => {
    await using it = createTestConversation({ answer: echo })
    const channel = createTestChannel()
    channel.receive('m1', 'hello')
    channel.receive('m1', 'hello')
    await it.serveAll(channel)
    channel.receive('m1', 'hello')
    channel.receive('m2', 'next')
    await it.serveAll(channel, it.restart())
    expect(channel.sent.map(({ replyTo }) => replyTo)).toEqual(['m1', 'm2'])
    expect(it.loop.requests).toHaveLength(2)
  })

  test('waits for its turn: two that were queued are answered one after the other, in order', async () => {
    const order: string[] = []
    await using it = createTestConversation({
      answer: async (request) => {
        const block = request.messages.at(-1)?.content.at(-1)
        const text = block?.type === 'text' ? block.text : ''
        order.push(`begin ${text}`)
        await new Promise<void>((resolve) => setImmediate(resolve))
        order.push(`end ${text}`)
        return say(`to ${text}`)
      },
    })
    const channel = createTestChannel()
    for (const id of ['c', 'a', 'b']) channel.receive(id, id)
    await it.serveAll(channel)
    expect(order).toEqual(['begin c', 'end c', 'begin a', 'end a', 'begin b', 'end b'])
    expect(channel.sent.map(({ text }) => text)).toEqual(['to c', 'to a', 'to b'])
  })

  test('that was queued when the node ended waits for the next start, and is answered then', async () => {
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<void>()
    await using it = createTestConversation({
      answer: async (_, n) => {
        if (n > 0) return say('later')
        asked.resolve()
        await answer.promise
        return say('never read')
      },
    })
    const channel = createTestChannel()
    const end = it.serve(channel)
    channel.receive('m1', 'long work')
    await asked.promise
    it.inbox.accept({ channel: 'letters', messageId: 'm2', senderId: OWNER, text: 'next' })
    await end()
    answer.resolve()
    expect(channel.sent.map(({ replyTo, text }) => [replyTo, text])).toEqual([
      ['m1', expect.stringContaining('shut down')],
    ])
    expect(it.inbox.counts().queued).toBe(1)
    const endAgain = it.serve(channel, it.restart())
    expect((await channel.replyTo('m2')).text).toBe('later')
    await endAgain()
  })

  test('is not answered when its reply could not be recorded, and the node is told that it must end', async () => {
    await using it = createTestConversation({ answer: echo }, (parts) => ({
      ...parts,
      ledger: {
        ...parts.ledger,
        settle: () => {
          throw new NodeError('DISK_FULL', 'the disk is full')
        },
      },
    }))
    const channel = createTestChannel()
    channel.receive('m1', 'hello')
    channel.receive('m2', 'hello again')
    await it.serveAll(channel)
    expect(it.faults).toEqual([expect.objectContaining({ code: 'DISK_FULL' })])
    expect(channel.sent).toEqual([])
    expect(it.loop.requests).toHaveLength(1)
  })
})

describe('a control word', () => {
  test('counts only as a whole message; everything else is for the model', async () => {
    await using it = createTestConversation({ answer: echo })
    const channel = createTestChannel()
    const messages = ['undo', 'please do not undo', 'constructor', '__proto__', '/Status!', 'stop it', 'HELP']
    for (const [index, text] of messages.entries()) channel.receive(`m${index}`, text)
    await it.serveAll(channel)
    expect(it.controlWords.toSorted()).toEqual(['help', 'status', 'undo'])
    expect(it.loop.requests).toHaveLength(4)
    const replies = new Map(channel.sent.map(({ replyTo, text }) => [replyTo, text]))
    expect(messages.map((_, index) => replies.get(`m${index}`))).toEqual([
      'answer to undo',
      'an answer',
      'an answer',
      'an answer',
      'answer to status',
      'an answer',
      'answer to help',
    ])
  })

  test('stop, sent while a turn runs, ends that turn instead of waiting behind it', async () => {
    const model = stalling()
    await using it = createTestConversation({ answer: model.answer })
    const channel = createTestChannel()
    const end = it.serve(channel)
    channel.receive('m1', 'long work')
    await model.asked
    channel.receive('m2', 'stop', 'test:stranger')
    channel.receive('m3', 'stop')
    expect((await channel.replyTo('m1')).text).toContain('Stopped.')
    await channel.replyTo('m3')
    await end()
    expect(channel.sent.map(({ replyTo }) => replyTo)).toEqual(['m1', 'm3'])
  })

  test('that a crash interrupted is not done again, and its sender is told', async () => {
    await using it = createTestConversation({ answer: echo })
    const { journal } = it.loop.parts
    const message = { channel: 'letters', messageId: 'm1', senderId: OWNER, text: 'undo' }
    it.inbox.accept(message)
    it.loop.open('t1', 'undo', { type: 'tool.start', ref: 't1/undo', payload: {} })
    it.inbox.take(message, 't1')
    const channel = createTestChannel()
    const end = it.serve(channel)
    expect((await channel.replyTo('m1')).text).toContain('do not know how far it came')
    await end()
    expect(it.controlWords).toEqual([])
    expect(journal.openTurn()).toBeNull()
  })
})

describe('a turn that a crash interrupted', () => {
  const interrupt = (it: ReturnType<typeof createTestConversation>) => {
    const message = { channel: 'letters', messageId: 'm1', senderId: OWNER, text: 'hello' }
    it.inbox.accept(message)
    it.loop.open('t1', 'hello')
    it.inbox.take(message, 't1')
  }

  test('is gone on with before anything that came later', async () => {
    await using it = createTestConversation({ answer: echo })
    interrupt(it)
    const channel = createTestChannel()
    channel.receive('m2', 'later')
    await it.serveAll(channel)
    expect(channel.sent.map(({ replyTo }) => replyTo)).toEqual(['m1', 'm2'])
  })

  test('ends as stopped on a frozen node, with what it had done', async () => {
    await using it = createTestConversation({ answer: echo })
    interrupt(it)
    for (const _ of ['stop', 'stop']) it.freeze.noteStop()
    const channel = createTestChannel()
    await it.serveAll(channel, it.restart())
    expect(channel.sent.map(({ text }) => text)).toEqual(['Stopped. Nothing had run.'])
    expect(it.loop.requests).toEqual([])
  })

  test('is closed without the model when its sender is no longer the owner', async () => {
    await using it = createTestConversation({ answer: echo })
    interrupt(it)
    const channel = createTestChannel()
    channel.receive('m2', 'hello', 'test:someone-else')
    await it.serveAll(channel, it.restart('test:someone-else'))
    expect(it.loop.requests).toHaveLength(1)
    expect(channel.sent.map(({ replyTo }) => replyTo)).toEqual(['m2'])
    expect(it.loop.parts.journal.openTurn()).toBeNull()
    expect(it.inbox.counts()).toEqual({ queued: 0, refused: 1 })
  })
})

describe('a reply', () => {
  test('to somebody who has gone is shown to the next one who speaks, before their own', async () => {
    const asked = Promise.withResolvers<void>()
    const gone = new AbortController()
    await using it = createTestConversation({
      answer: (_, n) => {
        asked.resolve()
        return say(n === 0 ? 'for the one who left' : 'for the next')
      },
    })
    const cli = createCliChannel()
    const end = it.serve(cli)
    const left = cli.say({ messageId: 'm1', text: 'hello' }, () => {}, {
      gone: gone.signal,
      heard: Promise.resolve(),
    })
    await asked.promise
    gone.abort('gone')
    expect(await left.catch((reason: unknown) => reason)).toBe('gone')
    const seen: ChannelProgress[] = []
    expect(await cli.say({ messageId: 'm2', text: 'hello' }, (event) => seen.push(event))).toBe('for the next')
    await end()
    expect(seen.filter(({ kind }) => kind === 'late-reply')).toEqual([
      { kind: 'late-reply', text: 'for the one who left', repeat: false },
    ])
    expect(it.outbox.pending('cli')).toEqual([])
  })

  test('that may have arrived before a crash keeps its mark through attempts that certainly fail', async () => {
    await using it = createTestConversation({ answer: echo })
    it.outbox.add({ key: 't0', channel: 'letters', turn: 't0', to: OWNER, replyTo: 'm0', text: 'maybe twice' })
    it.outbox.parts('t0', () => ['maybe twice'])
    it.outbox.sending('t0/1')
    const channel = createTestChannel()
    channel.onSend = () => false
    await it.serve(channel)()
    expect(it.outbox.parts('t0', () => [])).toMatchObject([{ key: 't0/1', unsettled: 1 }])
    channel.onSend = () => true
    const end = it.serve(channel, it.restart())
    expect(await channel.replyTo('m0')).toMatchObject({ repeat: true, text: '(repeat) maybe twice' })
    await end()
    expect(it.outbox.pending('letters')).toEqual([])
  })

  test('that its speaker took and never confirmed is shown to the next one, marked as a repeat', async () => {
    await using it = createTestConversation({ answer: echo })
    const cli = createCliChannel()
    const end = it.serve(cli)
    const heard = Promise.withResolvers<void>()
    const speaker = { gone: new AbortController().signal, heard: heard.promise }
    await cli.say({ messageId: 'm1', text: 'hello' }, () => {}, speaker)
    heard.reject(new Error('the speaker died'))
    const seen: ChannelProgress[] = []
    await cli.say({ messageId: 'm2', text: 'hello again' }, (event) => seen.push(event))
    await end()
    expect(seen.filter(({ kind }) => kind === 'late-reply')).toMatchObject([{ repeat: true }])
    expect(it.outbox.pending('cli')).toEqual([])
  })

  test('that was pending at a restart leaves without waiting for the next message', async () => {
    await using it = createTestConversation({ answer: echo })
    it.outbox.add({ key: 't0', channel: 'letters', turn: 't0', to: OWNER, replyTo: 'm0', text: 'kept' })
    const channel = createTestChannel()
    const end = it.serve(channel)
    expect(await channel.replyTo('m0')).toMatchObject({ text: 'kept', repeat: false })
    await end()
  })

  test('that is slow to leave is not sent a second time when a message comes meanwhile', async () => {
    await using it = createTestConversation({ answer: echo })
    const channel = createTestChannel()
    const leaving = Promise.withResolvers<void>()
    const arrived = Promise.withResolvers<void>()
    const attempts: string[] = []
    channel.onSend = async ({ replyTo }) => {
      attempts.push(String(replyTo))
      leaving.resolve()
      if (replyTo === 'm1') await arrived.promise
      return true
    }
    const end = it.serve(channel)
    channel.receive('m1', 'hello')
    await leaving.promise
    channel.receive('m2', 'hello again')
    await new Promise<void>((resolve) => setImmediate(resolve))
    arrived.resolve()
    await channel.replyTo('m2')
    await end()
    expect(attempts).toEqual(['m1', 'm2'])
  })

  test('that no channel takes stays, and the turns after it go on', async () => {
    await using it = createTestConversation({ answer: echo })
    const channel = createTestChannel()
    const tried = Promise.withResolvers<void>()
    channel.onSend = () => {
      tried.resolve()
      return false
    }
    const end = it.serve(channel)
    channel.receive('m1', 'hello')
    await tried.promise
    channel.onSend = () => true
    channel.receive('m2', 'hello again')
    await channel.replyTo('m2')
    await end()
    expect(channel.sent.map(({ replyTo, repeat }) => [replyTo, repeat])).toEqual([
      ['m1', false],
      ['m2', false],
    ])
  })
})

describe('between turns', () => {
  test('a task runs when no turn does, and its fault is its caller’s alone', async () => {
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<void>()
    const order: string[] = []
    await using it = createTestConversation({
      answer: async () => {
        asked.resolve()
        await answer.promise
        order.push('turn')
        return say('ok')
      },
    })
    const channel = createTestChannel()
    const end = it.serve(channel)
    channel.receive('m1', 'hello')
    await asked.promise
    const failing = it.conversation.exclusive(async () => {
      order.push('task')
      throw new NodeError('NOTHING_TO_UNDO', 'nothing')
    })
    answer.resolve()
    expect(await failing.catch((error: unknown) => error)).toMatchObject({ code: 'NOTHING_TO_UNDO' })
    channel.receive('m2', 'hello again')
    await channel.replyTo('m2')
    await end()
    expect(order).toEqual(['turn', 'task', 'turn'])
    expect(it.faults).toEqual([])
  })
})
