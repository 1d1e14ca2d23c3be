/** Telegram over a server that speaks the Bot API: the suite of the port, and what only this service does. */
import { afterEach, describe, expect, test } from 'bun:test'
import type { ChannelError } from '../src/channels/channel-error.ts'
import type { Channel, IncomingBatch, OutgoingMessage } from '../src/channels/channels.types.ts'
import { createTelegramFactory } from '../src/channels/telegram/telegram.ts'
import { describeChannel } from './conformance/channel.ts'
import { connectTelegram, createTelegramWorld, telegramEnvironment } from './conformance/telegram-world.ts'
import { startTelegramServer, type TelegramServer, TOKEN } from './fixtures/telegram/server.ts'

describeChannel('telegram', createTelegramWorld, { backlogMessages: 500 })

const OWNER = 42
const MESSAGE: OutgoingMessage = {
  ...{
    key: 't/1',
    to: `telegram:${OWNER}`,
    replyTo: `${OWNER}:7`,
    answers: [`${OWNER}:7`],
    text: 'hello',
    repeat: false,
  },
}
const never = new AbortController().signal

let server: TelegramServer | null = null
afterEach(async () => {
  await server?.close()
  server = null
})
const open = (now = () => 1_800_000_000_000): { readonly server: TelegramServer; readonly channel: Channel } => {
  const opened = startTelegramServer()
  server = opened
  return { server: opened, channel: connectTelegram(opened.url, { clock: { now } }) }
}
const poll = async (channel: Channel, cursor: string | null = null): Promise<IncomingBatch> => {
  for await (const batch of channel.poll({ cursor, signal: never })) return batch
  throw new Error('the poll has ended')
}
const faultOf = (work: Promise<unknown>): Promise<ChannelError> =>
  work.then(
    () => {
      throw new Error('no fault')
    },
    (error: ChannelError) => error,
  )

describe('what Telegram tells the node', () => {
  test('a token is asked for, and a wrong one is not repeated', () => {
    const factory = createTelegramFactory()
    expect(factory(telegramEnvironment({ settings: {} }))).toEqual({ missing: ['TELEGRAM_BOT_TOKEN is not set'] })
    const wrong = factory(telegramEnvironment({ settings: { TELEGRAM_BOT_TOKEN: 'my-password' } }))
    expect(wrong).toMatchObject({ missing: [expect.stringContaining('is not a token of @BotFather')] })
    expect(JSON.stringify(wrong)).not.toContain('my-password')
  })

  test('groups, bots and notices are not messages, and move the cursor', async () => {
    const { server: service, channel } = open()
    service.writeMessage({ from: { id: OWNER }, chat: { id: -100, type: 'supergroup' }, text: 'in a group' })
    service.writeMessage({ from: { id: 9, is_bot: true }, text: 'from a bot' })
    service.writeMessage({ from: { id: OWNER }, pinned_message: {} })
    service.pushUpdate({ edited_message: { text: 'edited' } })
    service.pushUpdate({ message: { nothing: 'is as expected' } })
    service.write(OWNER, 'private')
    const { messages, cursor } = await poll(channel)
    expect(messages.map(({ text }) => text)).toEqual(['private'])
    expect(messages[0]?.senderId).toBe(`telegram:${OWNER}`)
    expect(cursor).toStartWith('106@')
  })

  test('what was forwarded is a file, not the words of the owner', async () => {
    const { server: service, channel } = open()
    service.writeMessage({ from: { id: OWNER }, text: 'stop', forward_origin: { type: 'hidden_user' } })
    const [message] = (await poll(channel)).messages
    expect(message).toMatchObject({ text: '(forwarded, see the files)', attachments: [{ name: 'forwarded.txt' }] })
    const limits = { bytesMax: 100, signal: new AbortController().signal }
    expect(Buffer.from((await message?.attachments?.[0]?.read(limits)) ?? []).toString()).toBe('stop')
  })

  test('what cannot be read is named', async () => {
    const { server: service, channel } = open()
    service.writeMessage({ from: { id: OWNER }, video_note: { file_id: 'v' } })
    expect((await poll(channel)).messages[0]?.text).toBe('(a video note, which I cannot read here)')
  })

  test('an update is asked for again until the batch with it is stored', async () => {
    const { server: service, channel } = open()
    service.write(OWNER, 'one')
    const first = await poll(channel)
    expect((await poll(channel)).messages).toEqual(first.messages)
    expect((await poll(channel, first.cursor)).messages).toEqual([])
  })

  test('strangers who write more than one answer may hold do not keep the owner from being heard', async () => {
    const { server: service, channel } = open()
    const entities = ['x'.repeat(200_000)]
    for (let n = 0; n < 95; n++) service.writeMessage({ from: { id: 9 }, text: 'x', entities })
    service.write(OWNER, 'one')
    for (let cursor: string | null = null; ;) {
      const batch = await poll(channel, cursor)
      cursor = batch.cursor
      if (batch.messages.some(({ text }) => text === 'one')) break
    }
    expect(new Set(service.calls.map(({ params }) => params['limit']))).toEqual(new Set([100, 10]))
  })

  test('after a quiet week, numbers that start again from below lose nothing', async () => {
    let now = 1_800_000_000_000
    const { server: service, channel } = open(() => now)
    service.write(OWNER, 'one')
    const { cursor } = await poll(channel)
    await poll(channel, cursor)
    now += 7 * 24 * 3_600_000
    service.renumber(5)
    service.write(OWNER, 'two')
    expect((await poll(channel, cursor)).messages.map(({ text }) => text)).toEqual(['two'])
  })

  test('waits with the service for what comes, and lets go at once when told to', async () => {
    const { server: service, channel } = open()
    const end = new AbortController()
    const polled = channel.poll({ cursor: null, signal: end.signal })
    expect((await polled.next()).value).toEqual({ messages: [], cursor: null })
    const next = polled.next()
    while (service.calls.length < 2) await service.change()
    expect(service.calls.map(({ params }) => params['timeout'])).toEqual([0, 25])
    end.abort()
    expect((await next).done).toBe(true)
  })

  test.each([
    ['auth-failed', 'auth-failed', /BotFather/],
    ['other-poller', 'unreachable', /another program/],
    ['server-fault', 'unreachable', null],
    ['not-json', 'unreachable', null],
    ['rate-limited', 'rate-limited', null],
  ] as const)('%s at polling is told as %s', async (fault, told, hint) => {
    const { server: service, channel } = open()
    service.fail('getUpdates', fault, 1)
    const error = await faultOf(poll(channel))
    expect(error.fault).toBe(told)
    if (hint) expect(error.hint).toMatch(hint)
    if (fault === 'rate-limited') expect(error.retryAfterMs).toBe(7000)
  })
})

describe('what the node tells Telegram', () => {
  test('an answer is a reply without a preview', async () => {
    const { server: service, channel } = open()
    expect(await channel.send(MESSAGE, never)).toEqual({ id: `${OWNER}:1` })
    expect(service.calls[0]?.params).toEqual({
      ...{ chat_id: OWNER, text: 'hello', link_preview_options: { is_disabled: true } },
      reply_parameters: { message_id: 7, allow_sending_without_reply: true },
    })
  })

  test('seen and typing reach the message and its chat', async () => {
    const { server: service, channel } = open()
    await channel.ack?.(`${OWNER}:7`)
    await channel.typing?.(`${OWNER}:7`)
    expect(service.calls).toEqual([
      {
        method: 'setMessageReaction',
        params: { chat_id: OWNER, message_id: 7, reaction: [{ type: 'emoji', emoji: '👀' }] },
      },
      { method: 'sendChatAction', params: { chat_id: OWNER, action: 'typing' } },
    ])
  })

  test('every text within the limits of the channel is within the limit of the service', async () => {
    const { channel } = open()
    const { graphemesMax, bytesMax } = channel.capabilities
    for (const text of [
      'x'.repeat(graphemesMax ?? 0),
      '𝒳'.repeat((bytesMax ?? 0) / 4),
      'ж'.repeat((bytesMax ?? 0) / 2),
    ])
      await channel.send({ ...MESSAGE, text }, never)
    const over = await faultOf(channel.send({ ...MESSAGE, text: 'x'.repeat(4097) }, never))
    expect([over.fault, over.message]).toEqual(['rejected', 'Telegram: Bad Request: message is too long'])
  })

  test.each([
    ['blocked', 'absent', false],
    ['rate-limited', 'rate-limited', false],
    ['server-fault', 'unreachable', true],
    ['lost-answer', 'unreachable', true],
    ['auth-failed', 'auth-failed', false],
  ] as const)('%s at sending is told as %s', async (fault, told, mayHaveArrived) => {
    const { server: service, channel } = open()
    service.fail('sendMessage', fault, 1)
    const error = await faultOf(channel.send(MESSAGE, never))
    expect([error.fault, error.mayHaveArrived]).toEqual([told, mayHaveArrived])
  })

  test('nothing has arrived where nobody listens', async () => {
    const { server: service, channel } = open()
    await service.close()
    const error = await faultOf(channel.send(MESSAGE, never))
    expect([error.fault, error.mayHaveArrived]).toEqual(['unreachable', false])
  })

  test('a subject of another service is nobody here', async () => {
    const error = await faultOf(open().channel.send({ ...MESSAGE, to: 'atproto:did:plc:abc' }, never))
    expect(error.fault).toBe('rejected')
  })

  test('the token is in no fault, whatever the service says', async () => {
    const { server: service, channel } = open()
    service.fail('sendMessage', 'server-fault', 1)
    const faults = [await faultOf(channel.send(MESSAGE, never))]
    await service.close()
    faults.push(await faultOf(channel.send(MESSAGE, never)), await faultOf(poll(channel)))
    for (const fault of faults) expect(Bun.inspect(fault)).not.toContain(TOKEN.slice(12))
  })
})

describe('files from Telegram', () => {
  const limit = { bytesMax: 100, signal: never }
  const document = { file_id: 'f', file_unique_id: 'uf', file_name: 'notes.txt', mime_type: 'text/plain' }
  const attached = async (channel: Channel) => (await poll(channel)).messages[0]?.attachments ?? []

  test('a document and the largest size of a photo are fetched when they are read', async () => {
    const { server: service, channel } = open()
    service.files.set('f', { path: 'documents/file_1.txt', bytes: Buffer.from('notes') })
    const sizes = ['small', 'large'].map((id) => ({ file_id: id, file_unique_id: `u${id}`, width: 1, height: 1 }))
    service.writeMessage({ from: { id: OWNER }, caption: 'look', document, photo: sizes })
    const files = await attached(channel)
    expect(files.map(({ name, mime }) => [name, mime])).toEqual([
      ['notes.txt', 'text/plain'],
      ['photo-ularge.jpg', 'image/jpeg'],
    ])
    expect(service.calls.filter(({ method }) => method === 'getFile')).toEqual([])
    expect(Buffer.from((await files[0]?.read(limit)) ?? []).toString()).toBe('notes')
  })

  test.each([
    ['says that it is too large', { path: 'documents/a', bytes: Buffer.alloc(1), size: 101 }],
    ['is larger than it says', { path: 'documents/a', bytes: Buffer.alloc(101), size: 1 }],
  ])('one that %s is rejected', async (_, file) => {
    const { server: service, channel } = open()
    service.files.set('f', file)
    service.writeMessage({ from: { id: OWNER }, document })
    const [first] = await attached(channel)
    const error = await faultOf(first?.read(limit) ?? Promise.resolve())
    expect(error.fault).toBe('rejected')
  })

  test.each(['../../etc/passwd', '/etc/passwd', 'a?x=1', 'a/../b', 'a#b', '//host/a'])(
    'the path %s of the service is not asked for',
    async (path) => {
      const { server: service, channel } = open()
      service.files.set('f', { path, bytes: Buffer.from('x') })
      service.writeMessage({ from: { id: OWNER }, document })
      const [first] = await attached(channel)
      const error = await faultOf(first?.read(limit) ?? Promise.resolve())
      expect(error.fault).toBe('unreachable')
    },
  )
})

describe('doctor on Telegram', () => {
  test('names the bot', async () => {
    expect(await open().channel.examine?.(never)).toEqual([
      { state: 'ok', detail: 'signed in as @agent_bot', mend: null },
    ])
  })

  test('finds a webhook, and a token that was taken back', async () => {
    const { server: service, channel } = open()
    service.setWebhook('https://elsewhere.example/hook')
    expect((await channel.examine?.(never))?.at(-1)).toMatchObject({
      state: 'fail',
      mend: expect.stringMatching(/bot/),
    })
    service.fail('getMe', 'unreachable', 1)
    expect(await channel.examine?.(never)).toMatchObject([{ state: 'fail', mend: expect.stringMatching(/reaches/) }])
    service.fail('getMe', 'auth-failed', 1)
    expect(await channel.examine?.(never)).toMatchObject([{ state: 'fail', mend: expect.stringMatching(/BotFather/) }])
  })
})
