/** What goes wrong with accounts of Bluesky, and that the owner is told what mends it. Over the AT network of the tests. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { AtpAgent } from '@atproto/api'
import { createBlueskyFetch } from '../src/channels/bluesky/bluesky-fetch.ts'
import { createBlueskySession } from '../src/channels/bluesky/bluesky-session.ts'
import { resolveAccount } from '../src/channels/bluesky/resolve-account.ts'
import type { Channel, IncomingMessage, OutgoingMessage } from '../src/channels/channels.types.ts'
import type { Timing } from '../src/utils/timing.ts'
import { type ChatFault, installNetwork, type Network, startNetwork } from './fixtures/atproto-network.ts'
import { type BlueskyEnvironment, connectBluesky, createMemoryStore } from './fixtures/bluesky-world.ts'
import { describeWhen } from './helpers.ts'

const TIMEOUT_MS = 60_000
const soon: Timing = { random: () => 0, wait: () => new Promise((resolve) => setImmediate(resolve)) }
const [GET_LOG, SEND] = ['chat.bsky.convo.getLog', 'chat.bsky.convo.sendMessage']

const withoutNetwork = await installNetwork()

describeWhen(withoutNetwork === null, withoutNetwork ?? '', 'Bluesky', () => {
  let network: Network
  beforeAll(async () => {
    network = await startNetwork()
  }, TIMEOUT_MS)
  beforeEach(() => network.reset())
  afterAll(() => network[Symbol.asyncDispose]())

  const connect = (environment: BlueskyEnvironment = {}) => connectBluesky(network, { timing: soon, ...environment })
  const fail = (method: string, fault: ChatFault, times = 1) => network.tell({ command: 'fail', method, fault, times })
  const write = (...texts: readonly string[]) => network.tell({ command: 'write', as: 'owner', texts })
  const agentTexts = () =>
    network.events.flatMap((event) => (event.event === 'message' && event.from === network.bot.did ? [event] : []))

  /** Polls until so many messages have come; `cursor` is where to go on. */
  const read = async (channel: Channel, count: number, from: string | null = null) => {
    const messages: IncomingMessage[] = []
    let cursor = from
    const end = new AbortController()
    for await (const batch of channel.poll({ cursor, signal: end.signal })) {
      messages.push(...batch.messages)
      cursor = batch.cursor
      if (messages.length >= count) break
    }
    end.abort()
    return { messages, cursor }
  }
  const messageTo = (question: IncomingMessage | null, key: string, text = 'an answer'): OutgoingMessage => ({
    ...{ key, text, to: `atproto:${network.owner.did}`, replyTo: question?.id ?? null, answers: [], repeat: false },
  })
  const send = (channel: Channel, message: OutgoingMessage, signal = new AbortController().signal) =>
    channel.send(message, signal)
  const ask = async (channel: Channel) => {
    await write('a question')
    const { messages } = await read(channel, 1)
    const [question] = messages
    if (!question) throw new Error('the question did not come')
    return question
  }
  const setDeclaration = async (account: Network['owner'], allowIncoming: string) => {
    const app = new AtpAgent({ service: network.pdsUrl })
    await app.login({ identifier: account.handle, password: account.password })
    const [collection, rkey] = ['chat.bsky.actor.declaration', 'self'] as const
    await app.com.atproto.repo.putRecord({
      repo: app.assertDid,
      collection,
      rkey,
      record: { $type: collection, allowIncoming },
    })
  }

  test.each([
    [
      'an app password without access to messages',
      'Allow access to your direct messages',
      () => network.bot.appPasswordWithoutMessages,
    ],
    ['a wrong password', 'BSKY_CHAT_APP_PASSWORD', () => 'aaaa-bbbb-cccc-dddd'],
  ])('%s is named, with its mend, by doctor and by polling', async (_, mend, password) => {
    const channel = connect({ settings: { BSKY_CHAT_APP_PASSWORD: password() } })
    const checks = await channel.examine?.(new AbortController().signal)
    expect(checks?.at(-1)).toMatchObject({ state: 'fail', mend: expect.stringContaining(mend) })
    await expect(read(channel, 1)).rejects.toMatchObject({ fault: 'auth-failed', hint: expect.stringContaining(mend) })
  })

  test('a chat that Bluesky has disabled is named', async () => {
    await network.tell({ command: 'disableChat', disabled: true })
    const fault = { fault: 'auth-failed', message: expect.stringContaining('disabled') }
    await expect(read(connect(), 1)).rejects.toMatchObject(fault)
  })

  test('an owner who takes no messages is told so when the agent has to begin, and may still write first', async () => {
    await setDeclaration(network.owner, 'none')
    const channel = connect()
    const hint = expect.stringContaining('follow the agent')
    await expect(send(channel, messageTo(null, 'notice/1'))).rejects.toMatchObject({ fault: 'auth-failed', hint })
    expect((await channel.examine?.(new AbortController().signal))?.at(-1)).toMatchObject({ state: 'fail', mend: hint })
    const question = await ask(channel)
    await send(channel, messageTo(question, 't/1'))
    await setDeclaration(network.owner, 'all')
    expect(agentTexts().map(({ text }) => text)).toEqual(['an answer'])
  })

  test('who may write to the agent is set back when something else has changed it, and the owner is told', async () => {
    const announced: string[] = []
    const channel = connect({ announce: (text) => announced.push(text) })
    await ask(channel)
    await setDeclaration(network.bot, 'none')
    expect((await channel.examine?.(new AbortController().signal))?.[2]).toMatchObject({ state: 'warn' })
    await network.reset()
    await ask(channel)
    expect(announced).toEqual([expect.stringContaining('"none"')])
    expect((await channel.examine?.(new AbortController().signal))?.map(({ state }) => state)).toEqual([
      'ok',
      'ok',
      'ok',
      'ok',
    ])
  })

  test.each(['rate-limited', 'rate-limited-with-headers'] as const)(
    'an answer of 429 (%s) names no time: its headers are those of another server',
    async (planted) => {
      const channel = connect()
      const question = await ask(channel)
      await fail(SEND, planted)
      const fault = { fault: 'rate-limited', retryAfterMs: null, mayHaveArrived: false }
      await expect(send(channel, messageTo(question, 't/1'))).rejects.toMatchObject(fault)
    },
  )

  test('a session that is refused is replaced by a new login, once', async () => {
    const channel = connect()
    const question = await ask(channel)
    await fail(SEND, 'invalid-token')
    await send(channel, messageTo(question, 't/1'))
    await fail(SEND, 'invalid-token', 2)
    await expect(send(channel, messageTo(question, 't/2'))).rejects.toMatchObject({ fault: 'auth-failed' })
    expect(agentTexts()).toHaveLength(1)
  })

  test('a session is kept over a restart, and needs no new login', async () => {
    const requests: string[] = []
    const plain = createBlueskyFetch(network.pdsUrl)
    const counting = Object.assign(
      (input: string | URL | Request, init?: RequestInit) => {
        requests.push(new URL(input instanceof Request ? input.url : String(input)).pathname)
        return plain(input, init)
      },
      { preconnect: () => {} },
    )
    const store = createMemoryStore()
    const account = async () => ({ identifier: network.bot.handle, pdsUrl: network.pdsUrl })
    const start = (password = network.bot.appPassword) =>
      createBlueskySession({ password, store, fetch: counting, account }).use(async (agent) => agent.assertDid)
    expect(new Set<string>([await start(), await start(), await start()])).toEqual(new Set([network.bot.did]))
    const logins = () => requests.filter((path) => path.endsWith('createSession')).length
    expect(logins()).toBe(1)
    await start(network.bot.appPasswordWithoutMessages) // the kept one was sealed with the other
    expect(logins()).toBe(2)
    for (const text of store.kept.values()) expect(text).not.toContain('eyJ')
  })

  test('a cursor that the service has forgotten loses nothing', async () => {
    const channel = connect()
    await write('m1')
    const { cursor } = await read(channel, 1)
    await write('m2', 'm3')
    await fail(GET_LOG, 'invalid-request')
    const { messages } = await read(channel, 2, cursor)
    expect(messages.map(({ text }) => text)).toEqual(['m2', 'm3'])
    await write('m4')
    const later = await read(channel, 1, cursor)
    expect(later.messages.map(({ text }) => text)).toContain('m4')
  })

  test('an event that comes twice is the same message twice', async () => {
    const channel = connect()
    const { cursor } = await read(channel, 0)
    await fail(GET_LOG, 'duplicates', 10)
    await write('m1')
    const { messages } = await read(channel, 2, cursor)
    expect(new Set(messages.map(({ id }) => id)).size).toBe(1)
  })

  test('an account that has talked before, and a node that has not, answer only what is open', async () => {
    const channel = connect()
    await write('answered long ago')
    const { messages } = await read(channel, 1)
    await send(channel, messageTo(messages[0] ?? null, 't/1'))
    const { cursor } = await read(connect(), 0)
    expect(await read(connect(), 0, cursor)).toMatchObject({ messages: [] })
    await write('open 1', 'open 2')
    const fresh = await read(connect(), 2)
    expect(fresh.messages.map(({ text }) => text)).toEqual(['open 1', 'open 2'])
    expect(await read(connect(), 0, fresh.cursor)).toMatchObject({ messages: [] })
  })

  test('an answer to the first page of a long absence hides nothing of the next ones', async () => {
    const channel = connect()
    const texts = Array.from({ length: 250 }, (_, index) => `m${index}`)
    await write(...texts)
    const came: string[] = []
    for await (const { messages } of channel.poll({ cursor: null, signal: new AbortController().signal })) {
      came.push(...messages.map(({ text }) => text))
      if (came.length === texts.length) break
      await send(channel, messageTo(messages.at(-1) ?? null, `t/${came.length}`))
    }
    expect(came).toEqual(texts)
  })

  test('a message whose answer was lost is found; the same words that were not sent are not', async () => {
    const store = createMemoryStore()
    const channel = connect({ store })
    const question = await ask(channel)
    await send(channel, messageTo(question, 't/1', 'same words'))
    const second = messageTo(question, 't/2', 'same words')
    expect(await channel.findSent?.('t/2', second)).toBeNull()
    await fail(SEND, 'dropped-after-accept')
    await expect(send(channel, second)).rejects.toMatchObject({ fault: 'unreachable', mayHaveArrived: true })
    const [, arrived] = agentTexts()
    expect(await connect({ store }).findSent?.('t/2', second)).toEqual({ id: arrived?.id ?? '' })
    expect(await connect({ store }).findSent?.('t/3', { ...second, key: 't/3' })).toBeNull()
  })

  test('a send that is given up may have arrived', async () => {
    const channel = connect()
    const question = await ask(channel)
    await fail(SEND, 'silence')
    const sent = send(channel, messageTo(question, 't/1'), AbortSignal.timeout(100))
    await expect(sent).rejects.toMatchObject({ fault: 'unreachable', mayHaveArrived: true })
  })

  test('an answer to a question that was deleted still arrives', async () => {
    const channel = connect()
    const question = await ask(channel)
    const [convoId = '', messageId = ''] = question.id.split(':')
    await network.tell({ command: 'erase', convoId, messageId })
    await send(channel, messageTo(question, 't/1'))
    expect(agentTexts()).toMatchObject([{ text: 'an answer', replyTo: null }])
  })

  test('links of an answer can be tapped', async () => {
    const channel = connect()
    const question = await ask(channel)
    await send(channel, messageTo(question, 't/1', 'see https://example.com/a and evil[.]example'))
    expect(agentTexts()[0]?.facets).toMatchObject([{ features: [{ uri: 'https://example.com/a' }] }])
  })

  test('a server that is not there was surely not reached', async () => {
    const channel = connect({ settings: { BSKY_PDS_URL: 'http://127.0.0.1:1' } })
    await expect(send(channel, messageTo(null, 't/1'))).rejects.toMatchObject({
      fault: 'unreachable',
      mayHaveArrived: false,
    })
  })

  test('an account is found in the directory, with its server', async () => {
    const fetchDirectory = createBlueskyFetch(new URL(network.plcUrl).origin)
    const found = await resolveAccount(network.bot.did, { fetch: fetchDirectory, plcDirectory: network.plcUrl })
    expect(found.identifier).toBe(network.bot.did)
    expect(new URL(found.pdsUrl).hostname).toBe('localhost')
  })
})
