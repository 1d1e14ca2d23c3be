import { afterEach, describe, expect, test } from 'bun:test'
import Anthropic from '@anthropic-ai/sdk'
import { z } from 'zod'
import { createMessagesApi, type MessagesApiOptions } from '../messages-api.ts'
import type { StepBlock } from '../messages-api.types.ts'

const BEARER = 'the-bearer'
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

const start = (options: Partial<MessagesApiOptions> = {}) => {
  const twin = createMessagesApi({ bearer: BEARER, answer: () => ({ kind: 'reply', content: [text] }), ...options })
  closers.push(twin.close)
  return twin
}

const text: StepBlock = { type: 'text', text: 'a sentence of more than one delta 💶' }
const call: StepBlock = { type: 'tool_use', name: 'bash', input: { command: 'ls' } }
const user = (content: unknown) => ({ role: 'user', content })
const assistant = (...content: unknown[]) => ({ role: 'assistant', content })
const use = (id: string) => ({ type: 'tool_use', id, name: 'bash', input: {} })
const result = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: 'ok' })
const body = (fields: Record<string, unknown> = {}) => ({
  model: 'm',
  max_tokens: 9,
  messages: [user('hi')],
  ...fields,
})

const post = (
  url: string,
  content: unknown,
  {
    headers = { authorization: `Bearer ${BEARER}` },
    path = '/v1/messages',
  }: { headers?: Record<string, string>; path?: string } = {},
) =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'anthropic-version': '2026-10-21', ...headers },
    body: typeof content === 'string' ? content : JSON.stringify(content),
  })

const blockSchema = z.looseObject({ type: z.string(), id: z.string().optional() })
const replySchema = z.looseObject({ id: z.string(), content: z.array(blockSchema) })
const readReply = async (response: Response) => replySchema.parse(await response.json())

describe('the real SDK', () => {
  const client = (url: string) => new Anthropic({ apiKey: BEARER, baseURL: url, maxRetries: 0 })

  test('reads a streamed answer', async () => {
    const { url } = start({
      answer: () => ({ kind: 'reply', content: [{ type: 'thinking', thinking: 'hm' }, text, call] }),
    })
    const message = await client(url)
      .messages.stream({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] })
      .finalMessage()
    expect(message).toMatchObject({
      role: 'assistant',
      model: 'm',
      stop_reason: 'tool_use',
      content: [{ type: 'thinking', thinking: 'hm' }, text, call],
    })
  })

  test('reads an answer that is not streamed, and counts tokens', async () => {
    const { url } = start({ answer: () => ({ kind: 'reply', content: [text, call], stopReason: 'pause_turn' }) })
    const message = await client(url).messages.create({
      model: 'm',
      max_tokens: 9,
      messages: [{ role: 'user', content: 'hi' }],
    })
    expect(message).toMatchObject({ stop_reason: 'pause_turn', content: [text, call] })
    expect(message._request_id).toStartWith('req_')
    const counted = await client(url).messages.countTokens({ model: 'm', messages: [{ role: 'user', content: 'hi' }] })
    expect(counted.input_tokens).toBeGreaterThan(0)
  })
})

describe('a stream', () => {
  test('has the events of the API in its order', async () => {
    const { url } = start({ answer: () => ({ kind: 'reply', content: [{ type: 'text', text: 'hi' }, call] }) })
    const response = await post(url, body({ stream: true }))
    expect(response.headers.get('request-id')).toStartWith('req_')
    const frames = (await response.text()).trim().split('\n\n')
    const events = frames.map((frame) => {
      const [name, data] = frame.split('\n')
      const parsed = JSON.parse(data?.replace(/^data: /, '') ?? '')
      expect(name).toBe(`event: ${parsed.type}`)
      return parsed
    })
    expect(events.map(({ type }) => type)).toEqual([
      'message_start',
      'content_block_start',
      'ping',
      'content_block_delta',
      'content_block_stop',
      'content_block_start',
      'content_block_delta',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
    expect(events[6].delta).toEqual({ type: 'input_json_delta', partial_json: '' })
    expect(events[7].delta).toEqual({ type: 'input_json_delta', partial_json: '{"command":"ls"}' })
    expect(events[9]).toMatchObject({
      delta: { stop_reason: 'tool_use' },
      usage: { output_tokens: expect.any(Number) },
    })
  })

  test('gives every message and call an id of its own', async () => {
    const { url } = start({ answer: () => ({ kind: 'reply', content: [call, call] }) })
    const messages = await Promise.all(
      [post(url, body()), post(url, body())].map(async (sent) => readReply(await sent)),
    )
    const ids = messages.flatMap((message) => [message.id, ...message.content.map(({ id }) => id)])
    expect(new Set(ids).size).toBe(6)
  })
})

describe('the bearer', () => {
  test.each([
    ['no credential', {}, 401],
    ['another bearer', { authorization: 'Bearer guessed' }, 401],
    ['an empty bearer', { authorization: 'Bearer ' }, 401],
    ['another key', { 'x-api-key': 'guessed' }, 401],
    ['the bearer beside another key', { authorization: `Bearer ${BEARER}`, 'x-api-key': 'guessed' }, 401],
    ['the bearer', { authorization: `Bearer ${BEARER}` }, 200],
    ['the bearer as key', { 'x-api-key': BEARER }, 200],
  ] satisfies [string, Record<string, string>, number][])('%s', async (_, headers, status) => {
    const { url } = start()
    const response = await post(url, body(), { headers })
    expect(response.status).toBe(status)
    if (status === 401)
      expect(await response.json()).toMatchObject({ type: 'error', error: { type: 'authentication_error' } })
  })

  test('may be asked for in one header only', async () => {
    const bearerOnly = start({ credential: 'authorization' })
    const keyOnly = start({ credential: 'x-api-key' })
    const asBearer = { headers: { authorization: `Bearer ${BEARER}` } }
    const asKey = { headers: { 'x-api-key': BEARER } }
    expect((await post(bearerOnly.url, body(), asBearer)).status).toBe(200)
    expect((await post(bearerOnly.url, body(), asKey)).status).toBe(401)
    expect((await post(keyOnly.url, body(), asKey)).status).toBe(200)
    expect((await post(keyOnly.url, body(), asBearer)).status).toBe(401)
  })

  test('is asked for before anything is read, on every path', async () => {
    const { url } = start({
      onRequest: () => {
        throw new Error('a request without the bearer was read')
      },
    })
    for (const path of ['/', '/v1/messages', '/v1/messages/count_tokens', '/v1/models']) {
      expect((await post(url, 'x', { headers: {}, path })).status).toBe(401)
    }
  })
})

describe('a request that the API would refuse is refused with its reason', () => {
  const text1 = { type: 'text', text: 'hi' }
  test.each([
    ['no max_tokens', { max_tokens: undefined }, 'max_tokens: Field required'],
    ['zero max_tokens', { max_tokens: 0 }, 'max_tokens: '],
    ['no model', { model: undefined }, 'model: Field required'],
    ['no messages', { messages: [] }, 'messages: at least one message is required'],
    ['a removed parameter', { temperature: 1 }, 'temperature: Extra inputs are not permitted'],
    ['an unknown role', { messages: [{ role: 'tool', content: 'x' }] }, 'messages.0.role: '],
    ['an assistant who begins', { messages: [assistant(text1), user('hi')] }, 'first message'],
    [
      'empty text',
      { messages: [user([{ type: 'text', text: '' }])] },
      'messages.0.content.0.text: text content blocks',
    ],
    ['invisible text', { messages: [user(' \n')] }, 'non-whitespace text'],
    [
      'an empty message',
      { messages: [user([]), assistant(text1), user('x')] },
      'messages.0: all messages must have non-empty',
    ],
    ['a bad tool name', { tools: [{ name: 'a b', input_schema: { type: 'object' } }] }, 'tools.0.name: '],
    ['a tool without a schema', { tools: [{ name: 'a' }] }, 'tools.0.input_schema: Field required'],
    [
      'two tools of one name',
      {
        tools: [
          { name: 'a', input_schema: { type: 'object' } },
          { name: 'a', input_schema: { type: 'object' } },
        ],
      },
      'must be unique',
    ],
    [
      'five cache marks',
      {
        cache_control: { type: 'ephemeral' },
        messages: [user([1, 2, 3, 4].map(() => ({ ...text1, cache_control: { type: 'ephemeral' } })))],
      },
      'maximum of 4 blocks with cache_control',
    ],
    [
      'a bad call id',
      { messages: [user('hi'), assistant(use('a b')), user([result('a b')])] },
      'messages.1.content.0.id: ',
    ],
    [
      'a dangling call',
      { messages: [user('hi'), assistant(use('a'))] },
      '`tool_use` ids were found without `tool_result`',
    ],
    [
      'a call answered later',
      { messages: [user('hi'), assistant(use('a')), user('x'), user([result('a')])] },
      'messages.2: `tool_use` ids were found without',
    ],
    ['an orphan result', { messages: [user([result('a')])] }, 'unexpected `tool_use_id`'],
    [
      'two results of one call',
      { messages: [user('hi'), assistant(use('a')), user([result('a'), result('a')])] },
      'single result',
    ],
    [
      'two calls of one id',
      { messages: [user('hi'), assistant(use('a'), use('a')), user([result('a')])] },
      'ids must be unique',
    ],
    [
      'an id used again later',
      { messages: [user('hi'), assistant(use('a')), user([result('a')]), assistant(use('a')), user([result('a')])] },
      'messages.3: `tool_use` ids must be unique',
    ],
    [
      'text before results',
      { messages: [user('hi'), assistant(use('a')), user([text1, result('a')])] },
      'must come before any other content',
    ],
    [
      'a document of the assistant',
      { messages: [user('hi'), assistant({ type: 'document' }), user('x')] },
      'messages.1.content.0.type: ',
    ],
    [
      'citations on user text',
      { messages: [user([{ ...text1, citations: [] }])] },
      'messages.0.content.0.citations: Extra inputs',
    ],
    [
      'a forged signature',
      { messages: [user('hi'), assistant({ type: 'thinking', thinking: 'x', signature: 'y' }, text1), user('x')] },
      'messages.1.content.0: Invalid `signature`',
    ],
  ] satisfies [string, Record<string, unknown>, string][])('%s', async (_, fields, reason) => {
    const { url } = start()
    const response = await post(url, body(fields))
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      type: 'error',
      error: { type: 'invalid_request_error', message: expect.stringContaining(reason) },
      request_id: response.headers.get('request-id'),
    })
  })

  test('a body that is not JSON, too large, without a version, for an unknown path, or with a refused beta', async () => {
    const { url } = start({ betas: false })
    const authorization = `Bearer ${BEARER}`
    expect((await post(url, '{')).status).toBe(400)
    expect((await post(url, body(), { headers: { authorization, 'anthropic-version': '' } })).status).toBe(400)
    expect((await post(url, body(), { headers: { authorization, 'anthropic-beta': 'x-2026-01-01' } })).status).toBe(400)
    expect((await post(url, body(), { path: '/v1/models' })).status).toBe(404)
    expect((await post(url, 'x'.repeat(32 * 1024 * 1024 + 1))).status).toBe(413)
  })

  test('counting is checked like sending, but needs no max_tokens', async () => {
    const { url } = start()
    const path = '/v1/messages/count_tokens'
    expect((await post(url, { model: 'm', messages: [user('hi')] }, { path })).status).toBe(200)
    expect((await post(url, { model: 'm', messages: [user([result('a')])] }, { path })).status).toBe(400)
  })
})

describe('a history that the API accepts is accepted', () => {
  test('calls with their results first, a thinking block as it was signed, and a reply that paused', async () => {
    const { url } = start({ answer: () => ({ kind: 'reply', content: [{ type: 'thinking', thinking: 'hm' }, call] }) })
    const [thought, asked] = (await readReply(await post(url, body()))).content
    const answered = user([result(asked?.id ?? ''), { type: 'text', text: 'and' }])
    const history = (thinking: unknown) => [user('hi'), assistant(thinking, asked), answered, assistant(thinking)]
    expect((await post(url, body({ messages: history(thought) }))).status).toBe(200)
    expect((await post(url, body({ messages: history({ ...thought, thinking: 'altered' }) }))).status).toBe(400)
  })
})

test('a script that throws is answered as a fault of the service', async () => {
  const { url } = start({
    answer: () => {
      throw new Error('script broke')
    },
  })
  const response = await post(url, body())
  expect(response.status).toBe(500)
  expect(await response.json()).toMatchObject({ error: { type: 'api_error', message: 'script broke' } })
})
