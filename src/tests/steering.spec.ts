import { describe, expect, test } from 'bun:test'
import { calls, play, say } from '../agent/tests/loop-fixture.ts'
import type { ChannelProgress } from '../channels/channels.types.ts'
import { createCliChannel } from '../channels/cli/cli.ts'
import { createTestChannel, createTestConversation, OWNER } from './conversation-fixture.ts'

/** A model that reads a file first, and while it asks for that the test goes on talking. */
const working = () => {
  const asked = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  return {
    asked: asked.promise,
    go: go.resolve,
    answer: async (_: unknown, n: number) => {
      asked.resolve()
      await go.promise
      return n === 0 ? calls({ type: 'tool_use', name: 'read', input: { path: 'a.txt' } }) : say(`answer ${n}`)
    },
  }
}

const lastWords = (request: { readonly messages: readonly { readonly content: readonly unknown[] }[] } | undefined) =>
  request?.messages
    .at(-1)
    ?.content.flatMap((block) => (typeof block === 'object' && block !== null && 'text' in block ? [block.text] : []))

const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a message that comes while a turn runs', () => {
  test('is read by the model before it goes on, in order, and one reply answers all of them', async () => {
    const model = working()
    const noted: string[] = []
    await using it = createTestConversation({ answer: model.answer, note: ({ type }) => noted.push(type) })
    const channel = createTestChannel('letters', { followUp: false })
    const end = it.serve(channel)
    channel.receive('m1', 'do it')
    await model.asked
    for (const id of ['m2', 'm3']) channel.receive(id, `and ${id}`)
    channel.receive('m4', 'and mine', 'test:stranger')
    await settle()
    model.go()
    expect(await channel.replyTo('m1')).toMatchObject({ answers: ['m1', 'm2', 'm3'], text: 'answer 1' })
    await end()
    expect(lastWords(it.loop.requests[1])).toEqual(['and m2', 'and m3'])
    expect(channel.sent).toHaveLength(1)
    expect(it.inbox.counts()).toEqual({ queued: 0, refused: 1 })
    expect(it.inbox.isOver('letters', 'm3')).toBe(true)
    expect(noted).toEqual(['turn:start', 'owner:message', 'owner:message', 'owner:message', 'turn:end'])
  })

  test('after the model has answered is answered by a turn of its own', async () => {
    const model = working()
    const answer = async (_: unknown, n: number) => {
      await model.answer(_, n + 1)
      return say(`answer ${n}`)
    }
    await using it = createTestConversation({ answer })
    const channel = createTestChannel('letters', { followUp: false })
    const end = it.serve(channel)
    channel.receive('m1', 'do it')
    await model.asked
    channel.receive('m2', 'too late')
    await settle()
    model.go()
    expect((await channel.replyTo('m2')).text).toBe('answer 1')
    await end()
    expect(channel.sent.map(({ answers }) => answers)).toEqual([['m1'], ['m2']])
  })

  test('as a follow-up, from another channel, or behind an undo, gets its own turn', async () => {
    const model = working()
    await using it = createTestConversation({ answer: model.answer })
    const letters = createTestChannel('letters', { followUp: false })
    const piped = createTestChannel('piped')
    const ends = [it.serve(letters), it.serve(piped)]
    letters.receive('m1', 'do it')
    await model.asked
    letters.receive('m2', 'joins')
    letters.receive('m3', 'undo')
    letters.receive('m4', 'after the undo')
    piped.receive('p1', 'elsewhere')
    await settle()
    model.go()
    await Promise.all([letters.replyTo('m4'), piped.replyTo('p1')])
    for (const end of ends) await end()
    expect(letters.sent.map(({ answers }) => answers)).toEqual([['m1', 'm2'], ['m3'], ['m4']])
    expect(piped.sent.map(({ answers }) => answers)).toEqual([['p1']])
  })

  test('that had joined before a crash is answered once, with the turn it joined', async () => {
    await using it = createTestConversation({ answer: play(say('both')) })
    for (const id of ['m1', 'm2']) {
      it.inbox.accept({ channel: 'letters', messageId: id, senderId: OWNER, text: id })
    }
    const joined = { type: 'message.in', ref: 'letters/m2', payload: { text: 'm2' } } as const
    it.loop.open('t1', 'm1', joined)
    for (const messageId of ['m1', 'm2']) it.inbox.take({ channel: 'letters', messageId }, 't1')
    const channel = createTestChannel('letters', { followUp: false })
    await it.serveAll(channel)
    expect(channel.sent).toMatchObject([{ replyTo: 'm1', answers: ['m1', 'm2'], text: 'both' }])
  })

  test('from a second terminal is told that it joined, and gets the reply too', async () => {
    const model = working()
    await using it = createTestConversation({ answer: model.answer })
    const cli = createCliChannel()
    const end = it.serve(cli)
    const first = cli.say({ messageId: 'm1', text: 'do it' }, () => {})
    await model.asked
    const seen: ChannelProgress[] = []
    const second = cli.say({ messageId: 'm2', text: 'and this' }, (event) => seen.push(event))
    await settle()
    model.go()
    expect(await Promise.all([first, second])).toEqual(['answer 1', 'answer 1'])
    await end()
    expect(seen).toEqual([{ kind: 'joined', to: 'm1' }])
  })
})

describe('a control word', () => {
  test('is answered while a turn runs; only undo waits for its end, ahead of what came before it', async () => {
    const model = working()
    await using it = createTestConversation({ answer: model.answer })
    const channel = createTestChannel()
    const end = it.serve(channel)
    channel.receive('m1', 'do it')
    await model.asked
    channel.receive('m2', 'a follow-up')
    channel.receive('m3', 'undo')
    for (const word of ['status', 'budget', 'questions', 'log', 'diff', 'help', 'resume']) {
      channel.receive(word, word)
      expect((await channel.replyTo(word)).text).toBe(`answer to ${word}`)
    }
    model.go()
    await channel.replyTo('m2')
    await end()
    expect(channel.sent.slice(7).map(({ replyTo }) => replyTo)).toEqual(['m1', 'm3', 'm2'])
  })

  test('answered beside a turn is no part of what the model reads in that turn', async () => {
    const model = working()
    await using it = createTestConversation({ answer: model.answer })
    const channel = createTestChannel()
    const end = it.serve(channel)
    channel.receive('m1', 'do it')
    await model.asked
    channel.receive('m2', 'status')
    await channel.replyTo('m2')
    model.go()
    await channel.replyTo('m1')
    await end()
    expect(JSON.stringify(it.loop.requests)).not.toContain('answer to status')
  })

  test('stop, said before a crash, is obeyed after it: what was interrupted does not go on', async () => {
    await using it = createTestConversation({ answer: play(say('went on')) })
    it.inbox.accept({ channel: 'letters', messageId: 'm1', senderId: OWNER, text: 'work' })
    it.loop.open('t1', 'work')
    it.inbox.take({ channel: 'letters', messageId: 'm1' }, 't1')
    for (const [messageId, text] of Object.entries({ m2: 'more', m3: 'stop', m4: 'something new' })) {
      it.inbox.accept({ channel: 'letters', messageId, senderId: OWNER, text })
    }
    const channel = createTestChannel()
    await it.serveAll(channel)
    const replies = Object.fromEntries(channel.sent.map(({ replyTo, text }) => [replyTo, text]))
    expect(replies).toEqual({
      m1: 'Stopped. Nothing had run.',
      m2: expect.stringContaining('Not done'),
      m3: expect.stringContaining('1 waiting message was dismissed'),
      m4: 'went on',
    })
  })
})

describe('a channel that fails', () => {
  test('is given a growing rest, and its replies arrive in order, once where it knows keys', async () => {
    const rests: number[] = []
    const timing = { random: () => 0, wait: async (ms: number) => void rests.push(ms) }
    await using it = createTestConversation({ answer: play(say('one'), say('two')), timing })
    const channel = createTestChannel('letters', { can: { idempotencyKey: true } })
    const known: string[] = []
    let failures = 6
    channel.onSend = ({ key }) => {
      known.push(key)
      if (failures-- > 0) throw new Error('it may have arrived')
      return true
    }
    const end = it.serve(channel)
    channel.receive('m1', 'hello')
    channel.receive('m2', 'hello again')
    await channel.replyTo('m2')
    expect(rests).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000])
    await end()
    expect(channel.sent.map(({ replyTo, repeat }) => [replyTo, repeat])).toEqual([
      ['m1', false],
      ['m2', false],
    ])
    expect(new Set(known.slice(0, 7)).size).toBe(1)
  })
})
