/** What the core does for every channel: intake, the owner gate, links, parts and repeats, over real stores and the loop. */
import { describe, expect, test } from 'bun:test'
import { play, say } from '../agent/tests/loop-fixture.ts'
import { ChannelError } from '../channels/channel-error.ts'
import type { ChannelProgress } from '../channels/channels.types.ts'
import { createCliChannel } from '../channels/cli/cli.ts'
import { createTestChannel, createTestConversation, OWNER, stalling, type TestChannel } from './conversation-fixture.ts'

const echo = play(say('an answer'))
const message = (id: string, text = id, senderId = OWNER) => ({ id, senderId, text })

describe('the status', () => {
  test('says that nobody is there only where the owner can change that, until a reply arrives again', async () => {
    await using it = createTestConversation({ answer: echo })
    const channel = createTestChannel()
    const end = it.serve(channel)
    const reason = { state: 'absent', reason: 'the bot is blocked', mend: 'unblock it' }
    channel.onSend = () => {
      throw new ChannelError('absent', reason.reason, { hint: reason.mend })
    }
    channel.receive('m1', 'm1')
    while (it.channelFaults.length === 0) await Bun.sleep(1)
    expect(it.health.list()).toMatchObject([reason])
    channel.onSend = () => true
    channel.receive('m2', 'm2')
    await channel.replyTo('m2')
    channel.onSend = () => false // as a terminal that was left
    channel.receive('m3', 'm3')
    await end()
    expect(it.health.list()).toMatchObject([{ state: 'ok' }])
    expect(it.channelFaults).toHaveLength(1)
  })

  test('one whom nothing reaches holds up nobody else', async () => {
    await using it = createTestConversation({ answer: echo })
    it.links.add('letters', 'test:blocked')
    const channel = createTestChannel()
    channel.onSend = ({ to }) => to !== 'test:blocked'
    channel.receive('m1', 'm1', 'test:blocked')
    channel.receive('m2', 'm2')
    await it.serveAll(channel)
    expect(channel.sent.map(({ replyTo }) => replyTo)).toEqual(['m2'])
    expect(it.loop.parts.journal.openTurn()).toBeNull()
  })

  test('names what keeps a part of the channel from working while the rest does, once', async () => {
    await using it = createTestConversation({ answer: echo })
    const fault = new ChannelError('auth-failed', 'one chat is left out')
    const channel = createTestChannel()
    for (const cursor of ['1', '2']) channel.receiveBatch({ messages: [message(cursor)], cursor, fault })
    await it.serveAll(channel)
    expect(channel.sent).toHaveLength(2)
    expect(it.health.list()).toMatchObject([{ state: 'auth-failed', reason: 'one chat is left out' }])
    expect(it.channelFaults).toHaveLength(1)
    const again = createTestChannel()
    again.receiveBatch({ messages: [], cursor: '3' })
    await it.serveAll(again, it.restart())
    expect(it.health.list()).toMatchObject([{ state: 'ok' }])
  })
})

describe('a batch', () => {
  test('and its cursor are stored together, or not at all', async () => {
    await using it = createTestConversation({ answer: echo })
    const channel = createTestChannel()
    it.loop.store
      .state()
      .database.run(`create trigger broken before insert on channel_cursors begin select raise(abort, 'no space'); end`)
    channel.receiveBatch({ messages: [message('m1'), message('x', 'x', 'test:stranger')], cursor: '7' })
    await it.serveAll(channel)
    expect(it.faults).toHaveLength(1)
    expect(it.inbox.counts()).toEqual({ queued: 0, refused: 0 })
    expect(it.memory.cursor('letters')).toBeNull()
    it.loop.store.state().database.run('drop trigger broken')
    const again = createTestChannel()
    again.receiveBatch({ messages: [message('m1')], cursor: '7' })
    await it.serveAll(again, it.restart())
    expect(it.memory.cursor('letters')).toBe('7')
    expect(again.sent).toHaveLength(1)
  })

  test('without messages moves the cursor too, and the next start goes on from it', async () => {
    await using it = createTestConversation({ answer: echo })
    const channel = createTestChannel()
    channel.receiveBatch({ messages: [], cursor: '8' })
    await it.serveAll(channel)
    const asked: (string | null)[] = []
    const again = createTestChannel('letters', {
      extra: {
        // biome-ignore lint/correctness/useYield: it ends at once
        poll: async function* ({ cursor }) {
          asked.push(cursor)
        },
      },
    })
    await it.serveAll(again, it.restart())
    expect(asked).toEqual(['8'])
  })

  test('is not asked for before the last one is stored', async () => {
    await using it = createTestConversation({ answer: echo })
    const count = it.loop.store.state().database.query<{ n: number }, []>('select count(*) as n from inbound')
    const stored: (number | undefined)[] = []
    const channel = createTestChannel('letters', {
      extra: {
        poll: async function* () {
          for (let batch = 0; batch < 3; batch++) {
            stored.push(count.get()?.n)
            yield { messages: [message(`m${batch}a`), message(`m${batch}b`)], cursor: String(batch) }
          }
        },
      },
    })
    await it.serveAll(channel)
    expect(stored).toEqual([0, 2, 4])
  })

  test('makes the channel show that its messages were seen, once each, strangers apart', async () => {
    await using it = createTestConversation({ answer: echo })
    const signs: string[] = []
    const note = (sign: string) => async (id: string) => void signs.push(`${sign} ${id}`)
    const channel = createTestChannel('letters', { extra: { ack: note('seen'), typing: note('typing') } })
    const end = it.serve(channel)
    channel.receiveBatch({ messages: [message('m1'), message('m1'), message('x', 'x', 'test:stranger')], cursor: null })
    await channel.replyTo('m1')
    await end()
    expect(signs).toEqual(['seen m1', 'typing m1'])
  })
})

test('an adapter that does not end when it is told to does not keep the node from ending', async () => {
  await using it = createTestConversation({ answer: echo })
  const polling = Promise.withResolvers<void>()
  const channel = createTestChannel('letters', {
    extra: {
      poll: async function* () {
        polling.resolve()
        await new Promise<never>(() => {})
      },
    },
  })
  const end = it.serve(channel)
  await polling.promise
  await end()
  expect(it.faults).toEqual([])
})

test('a channel whose first look works and whose second one fails is given growing rests', async () => {
  const rests: number[] = []
  const timing = { random: () => 0, wait: async (ms: number) => void rests.push(ms) }
  await using it = createTestConversation({ answer: echo, timing })
  let polls = 0
  const channel = createTestChannel('letters', {
    extra: {
      poll: async function* () {
        yield { messages: [], cursor: null }
        if (++polls <= 4) throw new ChannelError('rate-limited', 'too many requests')
        yield { messages: [], cursor: null }
        if (polls <= 5) throw new ChannelError('unreachable', 'a blip, long after')
      },
    },
  })
  await it.serveAll(channel)
  expect(rests).toEqual([1000, 2000, 4000, 8000, 1000])
})

test('an adapter that throws where it should reject is a fault of the channel, not of the node', async () => {
  await using it = createTestConversation({ answer: play(say('one'), say('two')) })
  let throws = true
  const channel: TestChannel = createTestChannel('letters', { can: { idempotencyKey: true } })
  const thrower = {
    ...channel,
    send: (...given: Parameters<TestChannel['send']>) => {
      if (throws) {
        throws = false
        throw new TypeError('not a promise')
      }
      return channel.send(...given)
    },
  }
  const end = it.serve(thrower)
  channel.receive('m1', 'hello')
  expect((await channel.replyTo('m1')).text).toBe('one')
  await end()
  expect(it.faults).toEqual([])
  expect(it.channelFaults).toEqual([{ channel: 'letters', doing: 'send', fault: 'unreachable' }])
})

describe('strangers', () => {
  test('in a flood cost no model call, no reply, and ten rows', async () => {
    await using it = createTestConversation({ answer: echo })
    const channel = createTestChannel()
    const flood = Array.from({ length: 500 }, (_, n) => message(`x${n}`, 'let me in', 'test:stranger'))
    channel.receiveBatch({ messages: flood, cursor: '1' })
    await it.serveAll(channel)
    expect(it.loop.requests).toHaveLength(0)
    expect(channel.sent).toEqual([])
    const rows = it.loop.parts.journal.after(0, 1000).filter(({ type }) => type === 'message.refused')
    expect(rows).toHaveLength(10)
    expect(it.inbox.counts().refused + it.strangers.unrecorded()).toBe(500)
  })
})

describe('a link', () => {
  test('is made by the code alone, is announced on every other channel, and holds until it is taken back', async () => {
    await using it = createTestConversation({ answer: echo })
    const letters = createTestChannel('letters')
    const pigeons = createTestChannel('pigeons')
    const cli = createCliChannel()
    const ends = [letters, pigeons, cli].map((channel) => it.serve(channel))
    letters.receive('m1', 'hello')
    await letters.replyTo('m1')
    pigeons.receive('p1', 'hello', 'test:phone')
    const { code } = it.linkDesk.begin()
    pigeons.receive('p2', code.toLowerCase(), 'test:phone')
    expect(await pigeons.replyTo('p2')).toMatchObject({ to: 'test:phone', text: expect.stringContaining('Linked') })
    const announced = await letters.replyTo('')
    expect(announced).toMatchObject({
      to: OWNER,
      replyTo: null,
      text: expect.stringContaining('test:phone on pigeons'),
    })
    const shown: ChannelProgress[] = []
    await cli.say({ messageId: 'c1', text: 'hello' }, (event) => shown.push(event))
    expect(shown).toContainEqual(
      expect.objectContaining({ text: expect.stringContaining('plaited unlink pigeons test:phone') }),
    )
    pigeons.receive('p3', 'hello again', 'test:phone')
    expect(await pigeons.replyTo('p3')).toMatchObject({ text: 'an answer' })
    letters.receive('m2', 'hello', 'test:phone')
    it.links.remove('pigeons', 'test:phone')
    pigeons.receive('p4', 'and now', 'test:phone')
    letters.receive('m3', 'the end')
    await letters.replyTo('m3')
    for (const end of ends) await end()
    expect(pigeons.sent.map(({ replyTo }) => replyTo)).toEqual(['p2', 'p3'])
    expect(letters.sent.map(({ replyTo }) => replyTo)).toEqual(['m1', null, 'm3'])
    expect(JSON.stringify(it.loop.requests)).not.toContain(code)
    expect(JSON.stringify(it.loop.requests)).not.toContain(code.toLowerCase())
  })
})

test('a link code that the owner types where they are the owner already is used up, and no model reads it', async () => {
  await using it = createTestConversation({ answer: echo })
  const channel = createTestChannel()
  const end = it.serve(channel)
  const { code } = it.linkDesk.begin()
  channel.receive('m1', code)
  expect((await channel.replyTo('m1')).text).toContain('already')
  channel.receive('m2', code, 'test:stranger')
  channel.receive('m3', 'hello')
  await channel.replyTo('m3')
  await end()
  expect(it.links.list()).toEqual([])
  expect(JSON.stringify(it.loop.requests)).not.toContain(code)
})

describe('a reply', () => {
  test('in parts leaves only the missing ones to the next start', async () => {
    const text = Array.from({ length: 40 }, (_, n) => `word${n}`).join(' ')
    await using it = createTestConversation({ answer: play(say(text)) })
    const channel = createTestChannel('letters', { can: { graphemesMax: 60 } })
    channel.onSend = ({ key }) => !key.endsWith('/3')
    channel.receive('m1', 'hello')
    await it.serveAll(channel)
    expect(channel.sent.map(({ key }) => key.split('/')[1])).toEqual(['1', '2'])
    channel.onSend = () => true
    await it.serveAll(channel, it.restart())
    expect(channel.sent.map(({ key }) => Number(key.split('/')[1]))).toEqual(channel.sent.map((_, index) => index + 1))
    expect(channel.sent.map((part) => part.text).join(' ')).toBe(text)
    expect(it.outbox.pending('letters')).toEqual([])
  })

  test('whose repeat may have arrived too is given up and recorded, where nothing tells', async () => {
    await using it = createTestConversation({ answer: play(say('one'), say('two')) })
    const channel = createTestChannel()
    const sends: string[] = []
    channel.onSend = ({ text }) => {
      sends.push(text)
      if (text.endsWith('one')) throw new Error('nobody knows')
      return true
    }
    const end = it.serve(channel)
    channel.receive('m1', 'hello')
    channel.receive('m2', 'hello again')
    await channel.replyTo('m2')
    await end()
    expect(sends).toEqual(['one', '(repeat) one', 'two'])
    expect(it.outbox.abandoned()).toBe(1)
    const rows = it.loop.parts.journal.after(0, 100).filter(({ type }) => type === 'reply.abandoned')
    expect(rows).toMatchObject([{ payload: { as: 'unsure', channel: 'letters' } }])
  })

  test('that was lost or found is looked for first, where the channel can be searched', async () => {
    await using it = createTestConversation({ answer: play(say('one'), say('two')) })
    const looked: string[] = []
    const findSent = async (key: string, { text }: { readonly text: string }) => {
      looked.push(text)
      return text === 'one' ? { id: `found ${key}` } : null
    }
    const channel = createTestChannel('letters', { extra: { findSent } })
    let faults = 0
    channel.onSend = () => {
      if (faults++ % 2 === 0) throw new Error('nobody knows')
      return true
    }
    const end = it.serve(channel)
    channel.receive('m1', 'hello')
    channel.receive('m2', 'hello again')
    await channel.replyTo('m2')
    await end()
    expect(looked).toEqual(['one'])
    expect(channel.sent.map(({ text, repeat }) => [text, repeat])).toEqual([['two', false]])
  })

  test('that can never be looked for is given up and recorded, and the next one goes out', async () => {
    await using it = createTestConversation({ answer: play(say('one'), say('two')) })
    const findSent = async () => {
      throw new ChannelError('rejected', 'the chat is gone')
    }
    const channel = createTestChannel('letters', { extra: { findSent } })
    channel.onSend = ({ text }) => {
      if (text === 'one') throw new Error('nobody knows')
      return true
    }
    const end = it.serve(channel)
    channel.receive('m1', 'hello')
    channel.receive('m2', 'hello again')
    await channel.replyTo('m2')
    await end()
    const rows = it.loop.parts.journal.after(0, 100).filter(({ type }) => type === 'reply.abandoned')
    expect(rows).toMatchObject([{ payload: { as: 'unsure', reason: 'the chat is gone' } }])
  })

  test('that the channel will never take is recorded, and the next one goes out', async () => {
    await using it = createTestConversation({ answer: play(say('one'), say('two')) })
    const channel = createTestChannel()
    channel.onSend = ({ text }) => {
      if (text === 'one') throw new ChannelError('rejected', 'not this canary')
      return true
    }
    const end = it.serve(channel)
    channel.receive('m1', 'hello')
    channel.receive('m2', 'hello again')
    await channel.replyTo('m2')
    await end()
    expect(channel.sent.map(({ text }) => text)).toEqual(['two'])
    const rows = it.loop.parts.journal.after(0, 100).filter(({ type }) => type === 'reply.abandoned')
    expect(rows).toMatchObject([{ payload: { as: 'refused', reason: 'not this [redacted]' } }])
  })

  test('has links only to hosts that the owner has named', async () => {
    const answer = play(say('see https://example.org/a and https://evil.example/?q=secret'))
    await using it = createTestConversation({ answer })
    const channel = createTestChannel('letters', { can: { links: true } })
    const end = it.serve(channel)
    channel.receive('m1', 'what does https://example.org say? (not notevil.example)')
    expect((await channel.replyTo('m1')).text).toBe('see https://example.org/a and https://evil[.]example/?q=secret')
    await end()
  })
})

test('a stop over a long backlog dismisses all of it, with an answer for each look beyond the first', async () => {
  const model = stalling()
  await using it = createTestConversation({ answer: model.answer })
  const channel = createTestChannel()
  const end = it.serve(channel)
  channel.receive('m0', 'work')
  await model.asked
  const backlog = Array.from({ length: 450 }, (_, n) => ({ ...message(`b${n}`), followUp: true }))
  channel.receiveBatch({ messages: [...backlog, message('stop', 'stop')], cursor: '1' })
  expect((await channel.replyTo('stop')).text).toContain('450 waiting messages were dismissed')
  await end()
  expect(it.inbox.counts().queued).toBe(0)
  const answers = channel.sent.flatMap((reply) => reply.answers)
  expect(answers.filter((id) => id.startsWith('b'))).toHaveLength(450)
  expect(channel.sent).toHaveLength(1 + 200 + 2 + 1)
})
