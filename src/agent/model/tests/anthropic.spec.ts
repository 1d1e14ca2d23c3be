import { afterEach, describe, expect, test } from 'bun:test'
import { type AnthropicModelOptions, createAnthropicModel } from '../anthropic.ts'
import { ModelError, type ModelFault, type ModelReply, type ModelRequest } from '../model.types.ts'
import { createMessagesApi } from '../scripted/messages-api.ts'
import type {
  Answer,
  ApiStatus,
  ReceivedRequest,
  Step,
  StepBlock,
  StreamFault,
} from '../scripted/messages-api.types.ts'

const BEARER = 'the-bearer'
const never = new AbortController().signal
const ignoreText = () => undefined

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

const withTwin = (answer: Answer, options: Partial<AnthropicModelOptions> = {}) => {
  const received: ReceivedRequest[] = []
  const twin = createMessagesApi({ bearer: BEARER, answer, onRequest: (arrived) => received.push(arrived) })
  cleanups.push(twin.close)
  const model = createAnthropicModel({
    apiKey: BEARER,
    baseUrl: twin.url,
    provider: 'twin',
    model: 'm-1',
    price: null,
    dialect: 'anthropic',
    ...options,
  })
  return { model, received, twin }
}

const request = (fields: Partial<ModelRequest> = {}): ModelRequest => ({
  system: '',
  tools: [],
  messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }],
  maxTokens: 100,
  ...fields,
})

const text: StepBlock = { type: 'text', text: 'a sentence that is long enough to arrive in more than one part' }
const call: StepBlock = { type: 'tool_use', name: 'bash', input: { command: 'ls -la /workspace/with/some/depth' } }

const faultOf = async (promise: Promise<ModelReply>): Promise<ModelError> => {
  const error = await promise.then(
    (reply) => reply,
    (reason: unknown) => reason,
  )
  if (error instanceof ModelError) return error
  throw new Error(`expected a ModelError, got ${JSON.stringify(error)}`)
}

/** Sets environment variables for one test. */
const setEnvironment = (values: Readonly<Record<string, string>>) => {
  for (const [name, value] of Object.entries(values)) {
    const before = Bun.env[name]
    Bun.env[name] = value
    cleanups.push(() => {
      if (before === undefined) delete Bun.env[name]
      else Bun.env[name] = before
    })
  }
}

describe('a reply', () => {
  test('arrives as text while it streams and whole at the end', async () => {
    const { model } = withTwin(() => ({ kind: 'reply', content: [{ type: 'thinking', thinking: 'hm' }, text, call] }))
    const parts: string[] = []
    const reply = await model.stream(request(), { signal: never, onText: (part) => parts.push(part) })
    expect(parts.length).toBeGreaterThan(1)
    expect(parts.join('')).toBe(text.text)
    expect(reply).toMatchObject({
      model: 'm-1',
      stopReason: 'tool_use',
      content: [
        { type: 'thinking', thinking: 'hm', signature: expect.any(String) },
        text,
        { ...call, id: expect.any(String) },
      ],
    })
    expect(reply.usage.outputTokens).toBeGreaterThan(1)
  })

  test('can be sent back as it came, thinking and calls included', async () => {
    const { model } = withTwin((_, n) =>
      n === 0
        ? { kind: 'reply', content: [{ type: 'thinking', thinking: 'hm' }, call] }
        : { kind: 'reply', content: [text] },
    )
    const first = request()
    const reply = await model.stream(first, { signal: never, onText: ignoreText })
    const results = reply.content.flatMap((block) =>
      block.type === 'tool_use' ? [{ type: 'tool_result', tool_use_id: `${block['id']}`, content: 'ok' } as const] : [],
    )
    const messages = [
      ...first.messages,
      { role: 'assistant', content: reply.content } as const,
      { role: 'user', content: results } as const,
    ]
    expect(await model.stream(request({ messages }), { signal: never, onText: ignoreText })).toMatchObject({
      content: [text],
    })
  })

  test.each([
    'max_tokens',
    'refusal',
    'pause_turn',
    'stop_sequence',
    'model_context_window_exceeded',
    'end_turn',
  ] as const)('that stopped with %s shows it, so that its calls are not run', async (stopReason) => {
    const { model } = withTwin(() => ({ kind: 'reply', content: [call], stopReason }))
    expect(await model.stream(request(), { signal: never, onText: ignoreText })).toMatchObject({ stopReason })
  })

  test('whose call the output limit cut has no half input', async () => {
    const cut: StepBlock = { ...call, inputJson: '{"command":"rm -rf /workspace/tm' }
    const { model } = withTwin(() => ({ kind: 'reply', content: [cut], stopReason: 'max_tokens' }))
    expect(await model.stream(request(), { signal: never, onText: ignoreText })).toMatchObject({
      stopReason: 'max_tokens',
      content: [{ type: 'tool_use', input: {} }],
    })
  })

  test.each(['stall', 'reset'] as const)('is complete at message_stop, whatever follows (%s)', async (kind) => {
    const { model } = withTwin(() => ({ kind: 'reply', content: [text], fault: { kind, afterEvents: 99 } }))
    expect(await model.stream(request(), { signal: never, onText: ignoreText })).toMatchObject({ content: [text] })
  })
})

describe('a request', () => {
  test('keeps its bytes while the conversation grows, so that the cached prefix holds', async () => {
    const { model, received } = withTwin(() => ({ kind: 'reply', content: [text] }))
    const tool = { name: 'read', description: 'reads', inputSchema: { type: 'object', properties: {} } } as const
    const first = request({ system: 'be brief', tools: [tool] })
    const grown = [...first.messages, { role: 'assistant', content: [text] } as const, ...first.messages]
    await model.stream(first, { signal: never, onText: ignoreText })
    await model.stream({ ...first, messages: grown }, { signal: never, onText: ignoreText })
    const [before, after] = received.map(({ bodyText }) => bodyText)
    expect(after).toStartWith(before?.slice(0, before.lastIndexOf(']')) ?? 'no request')
    expect(JSON.parse(after ?? '')).toMatchObject({ cache_control: { type: 'ephemeral' } })
  })

  test('for "hi" is little more than its text', async () => {
    const { model, received } = withTwin(() => ({ kind: 'reply', content: [text] }))
    await model.stream(request(), { signal: never, onText: ignoreText })
    expect(Buffer.byteLength(received[0]?.bodyText ?? '')).toBeWithin(1, 200)
  })

  test('to a compatible server has both credentials, the older version and no caching field', async () => {
    const { model, received } = withTwin(() => ({ kind: 'reply', content: [text] }), { dialect: 'compatible' })
    await model.stream(request(), { signal: never, onText: ignoreText })
    expect(received[0]?.headers).toMatchObject({
      authorization: `Bearer ${BEARER}`,
      'x-api-key': BEARER,
      'anthropic-version': '2023-06-01',
    })
    expect(received[0]?.bodyText).not.toContain('cache_control')
  })

  test('goes where the options say and carries what they say, whatever the environment holds', async () => {
    const { model: quiet, received: before } = withTwin(() => ({ kind: 'reply', content: [text] }))
    await quiet.stream(request(), { signal: never, onText: ignoreText })

    const strayed: string[] = []
    const elsewhere = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: ({ url }) => {
        strayed.push(url)
        return new Response('not here', { status: 500 })
      },
    })
    cleanups.push(() => elsewhere.stop(true))
    setEnvironment({
      ANTHROPIC_BASE_URL: elsewhere.url.href,
      ANTHROPIC_CUSTOM_HEADERS: 'x-leak: yes\nauthorization: Bearer other\nanthropic-version: 1999-01-01',
      ANTHROPIC_AUTH_TOKEN: 'token-of-the-environment',
      ANTHROPIC_API_KEY: 'key-of-the-environment',
      ANTHROPIC_PROFILE: 'somebody',
      ANTHROPIC_LOG: 'debug',
      HTTP_PROXY: elsewhere.url.href,
      http_proxy: elsewhere.url.href,
    })
    const { model, received } = withTwin(() => ({ kind: 'reply', content: [text] }))
    await model.stream(request(), { signal: never, onText: ignoreText })
    expect(strayed).toEqual([])
    expect(received).toHaveLength(1)
    const withoutHost = ({ host: _, ...headers }: Readonly<Record<string, string>>) => headers
    expect(withoutHost(received[0]?.headers ?? {})).toEqual(withoutHost(before[0]?.headers ?? {}))
    expect(received[0]?.bodyText).toBe(before[0]?.bodyText ?? 'no request')
  })

  test('is refused before it leaves when there is no key or no http address', () => {
    const options = { provider: 'p', model: 'm', price: null }
    const invalid = expect.objectContaining({ code: 'CONFIG_INVALID' })
    expect(() => createAnthropicModel({ ...options, apiKey: '', baseUrl: null })).toThrow(invalid)
    for (const baseUrl of ['file:///etc/passwd', 's3://bucket', 'localhost:8080', '']) {
      expect(() => createAnthropicModel({ ...options, apiKey: 'k', baseUrl })).toThrow(invalid)
    }
  })
})

describe('a fault of the service', () => {
  test.each([
    [400, 'rejected'],
    [401, 'unauthorized'],
    [402, 'unpaid'],
    [403, 'unauthorized'],
    [404, 'rejected'],
    [413, 'too-long'],
    [429, 'overloaded'],
    [500, 'overloaded'],
    [529, 'overloaded'],
  ] satisfies [ApiStatus, ModelFault][])('status %d is %s', async (status, fault) => {
    let calls = 0
    const { model } = withTwin(() => {
      calls++
      return { kind: 'http', status, message: 'says why', headers: { 'retry-after': '7' } }
    })
    const error = await faultOf(model.stream(request(), { signal: never, onText: ignoreText }))
    expect(error).toMatchObject({ fault, status, usage: null, retryAfterMs: 7000 })
    expect(error.message).toContain('says why')
    expect(calls).toBe(1)
  })

  test.each([
    ['error', 0, 'overloaded', false],
    ['error', 4, 'overloaded', true],
    ['eof', 0, 'unreachable', false],
    ['eof', 1, 'unreachable', true],
    ['eof', 6, 'unreachable', true],
    ['reset', 0, 'unreachable', false],
    ['reset', 4, 'unreachable', true],
    ['stall', 1, 'silent', true],
    ['stall', 6, 'silent', true],
  ] satisfies [StreamFault['kind'], number, ModelFault, boolean][])(
    'a stream with %s after %d events is %s, with its usage: %p',
    async (kind, afterEvents, fault, hasUsage) => {
      const step: Step = { kind: 'reply', content: [call, text], fault: { kind, afterEvents } }
      const { model } = withTwin(() => step, { idleTimeoutMs: 50 })
      const error = await faultOf(model.stream(request(), { signal: never, onText: ignoreText }))
      expect(error).toMatchObject({ fault, status: null })
      expect(error.usage !== null).toBe(hasUsage)
    },
  )

  test.each([
    ['text', { type: 'text', text: 'x'.repeat(2400) }],
    ['thinking', { type: 'thinking', thinking: 'x'.repeat(2400) }],
    ['a tool call', { type: 'tool_use', name: 'bash', input: {}, inputJson: 'x'.repeat(2400) }],
  ] satisfies [string, StepBlock][])('that breaks off %s bills what had been streamed of it', async (_, block) => {
    const step: Step = { kind: 'reply', content: [block], fault: { kind: 'error', afterEvents: 53 } }
    const { model } = withTwin(() => step)
    const { usage } = await faultOf(model.stream(request(), { signal: never, onText: ignoreText }))
    expect(usage?.outputTokens).toBeWithin(390, 401) // 49 or 50 parts of 24 bytes
  })

  test('that garbles a whole answer bills what the service says it cost', async () => {
    const content = [call, call].map((block) => ({ ...block, id: 'one_id_for_both' }) as StepBlock)
    const { model } = withTwin(() => ({ kind: 'reply', content }))
    const error = await faultOf(model.stream(request(), { signal: never, onText: ignoreText }))
    expect(error).toMatchObject({
      fault: 'malformed',
      usage: { outputTokens: Math.ceil(JSON.stringify(content).length / 4) }, // as the twin counts
    })
  })

  test('a service that accepts and does not answer is silent, as one that falls silent later', async () => {
    const { model } = withTwin(() => Promise.withResolvers<Step>().promise, { idleTimeoutMs: 50 })
    expect(await faultOf(model.stream(request(), { signal: never, onText: ignoreText }))).toMatchObject({
      ...{ fault: 'silent', message: 'the model service was silent for 0.05 s' },
    })
  })

  test('a closed port is unreachable', async () => {
    const { model, twin } = withTwin(() => ({ kind: 'reply', content: [text] }))
    await twin.close()
    expect(await faultOf(model.stream(request(), { signal: never, onText: ignoreText }))).toMatchObject({
      fault: 'unreachable',
    })
  })

  test.each([
    ['is not JSON', '{"command": nope}'],
    ['is cut without a reason', '{"command":"rm -rf /workspace/tm'],
  ])('a tool input that %s is malformed', async (_, inputJson) => {
    const { model } = withTwin(() => ({ kind: 'reply', content: [{ ...call, inputJson }] }))
    const error = await faultOf(model.stream(request(), { signal: never, onText: ignoreText }))
    expect(error.fault).toBe('malformed')
    expect(error.usage).not.toBeNull()
  })

  test.each([
    ['a web page', () => new Response('<html>', { headers: { 'content-type': 'text/html' } }), 'malformed'],
    ['a redirect', () => Response.redirect('http://127.0.0.1:1/', 307), 'rejected'],
    ['events that are not JSON', () => eventStream('event: message_start\ndata: {\n\n'), 'malformed'],
  ] satisfies [string, () => Response, ModelFault][])('%s is %s', async (_, respond, fault) => {
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: respond })
    cleanups.push(() => server.stop(true))
    const { model } = withTwin(() => ({ kind: 'reply', content: [text] }), { baseUrl: server.url.href })
    expect(await faultOf(model.stream(request(), { signal: never, onText: ignoreText }))).toMatchObject({ fault })
  })

  test('that quotes the key comes without it, also where its words are cut', async () => {
    const message = `${'x'.repeat(494)}${BEARER} ${btoa(BEARER)}`
    const { model } = withTwin(() => ({ kind: 'http', status: 400, message }))
    const error = await faultOf(model.stream(request(), { signal: never, onText: ignoreText }))
    expect(error.message).toEndWith('x[redac')
    expect(error.message).not.toContain(BEARER.slice(0, 4))
  })

  test('a wrong key is unauthorized', async () => {
    const { model } = withTwin(() => ({ kind: 'reply', content: [text] }), { apiKey: 'guessed' })
    expect(await faultOf(model.stream(request(), { signal: never, onText: ignoreText }))).toMatchObject({
      fault: 'unauthorized',
    })
  })
})

describe('an abort', () => {
  test('before the call rejects with its reason and sends nothing', async () => {
    const { model, received } = withTwin(() => ({ kind: 'reply', content: [text] }))
    const reason = new Error('stopped by the owner')
    await expect(model.stream(request(), { signal: AbortSignal.abort(reason), onText: ignoreText })).rejects.toBe(
      reason,
    )
    expect(received).toEqual([])
  })

  test('in the middle of the answer rejects with its reason, and the server sees the client leave', async () => {
    const { model, received } = withTwin(() => ({
      kind: 'reply',
      content: [text],
      fault: { kind: 'stall', afterEvents: 4 },
    }))
    const stop = new AbortController()
    const reason = new Error('stopped by the owner')
    await expect(model.stream(request(), { signal: stop.signal, onText: () => stop.abort(reason) })).rejects.toBe(
      reason,
    )
    await received[0]?.cancelled
  })

  test('while the service is silent rejects with its reason', async () => {
    const stop = new AbortController()
    const { model } = withTwin(() => {
      stop.abort('STOP')
      return Promise.withResolvers<Step>().promise
    })
    await expect(model.stream(request(), { signal: stop.signal, onText: ignoreText })).rejects.toBe('STOP')
  })
})

const eventStream = (body: string) => new Response(body, { headers: { 'content-type': 'text/event-stream' } })
