/** The gateway over HTTP: the suite of the port, the requests of a program that pairs at every start, and what is refused. */
import { afterEach, describe, expect, test } from 'bun:test'
import type { Channel, IncomingMessage } from '../src/channels/channels.types.ts'
import { createGatewayChannel } from '../src/channels/gateway/gateway.ts'
import { describeChannel } from './conformance/channel.ts'
import {
  connectGateway,
  createGatewayHome,
  createGatewayWorld,
  type GatewayAnswer,
  type GatewayHome,
  pair,
  post,
  type StartedGateway,
} from './conformance/gateway-world.ts'
import { telegramEnvironment } from './conformance/telegram-world.ts'
import { plaited, startPlaited, temporaryHome } from './run-plaited.ts'

describeChannel('gateway', createGatewayWorld)

type Served = StartedGateway & {
  readonly home: GatewayHome
  readonly received: IncomingMessage[]
  /** Resolves with the n-th message, from 1. */
  readonly message: (n: number) => Promise<IncomingMessage>
  readonly ask: (token: string, message: unknown, signal?: AbortSignal) => Promise<GatewayAnswer>
  readonly reply: (message: IncomingMessage, text: string) => Promise<unknown>
  readonly end: () => Promise<void>
}

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** A gateway whose messages are stored at once, and answered by the test. */
const serve = (home = createGatewayHome(), options: Parameters<typeof connectGateway>[1] = {}): Served => {
  const started = connectGateway(home, options)
  const stop = new AbortController()
  const received: IncomingMessage[] = []
  const arrivals = new Map<number, PromiseWithResolvers<IncomingMessage>>()
  const arrival = (n: number) => {
    const found = arrivals.get(n) ?? Promise.withResolvers<IncomingMessage>()
    arrivals.set(n, found)
    return found
  }
  const polling = (async () => {
    for await (const { messages } of started.channel.poll({ cursor: null, signal: stop.signal })) {
      received.push(...messages)
      for (const message of messages) {
        const n = received.length
        queueMicrotask(() => setImmediate(() => arrival(n).resolve(message))) // it is stored then
      }
    }
  })()
  const end = async () => {
    stop.abort()
    await polling
    await started.channel.close?.()
  }
  ends.push(end)
  return {
    ...started,
    ...{ home, received, end, message: (n) => arrival(n).promise },
    ask: async (token, message, signal) =>
      post(`${(await started.listening).url}/webhook`, { authorization: `Bearer ${token}` }, { message }, signal),
    reply: (message, text) => replyTo(started.channel, message, text),
  }
}

const replyTo = (channel: Channel, { id, senderId }: IncomingMessage, text: string) =>
  channel.send(
    { ...{ key: `${id}/1`, to: senderId, replyTo: id, answers: [id], text, repeat: false } },
    new AbortController().signal,
  )

const statusFor = async (url: string, headers: Readonly<Record<string, string>>): Promise<number> =>
  (await fetch(url, { headers: { ...headers } })).status

describe('the requests of a program', () => {
  test('health, pair, ask', async () => {
    const gateway = serve()
    const { url } = await gateway.listening
    const health = await fetch(`${url}/health`)
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }])
    const token = await pair(gateway)
    const asked = gateway.ask(token, 'hello')
    const message = await gateway.message(1)
    expect(message).toMatchObject({ senderId: `gateway:${token.split('.')[0]}`, text: 'hello', followUp: true })
    await gateway.reply(message, 'hi')
    expect(await asked).toEqual({ status: 200, body: { id: message.id, response: 'hi' } })
  })

  test('the code is found where a program looks for it in the output', async () => {
    const gateway = serve()
    const { code } = await gateway.listening
    expect(/X-Pairing-Code:\s*(\d{6})/.exec(gateway.home.shown.join('\n'))?.[1]).toBe(code)
  })

  test('after a restart it pairs again with the new code; the old token still holds', async () => {
    const home = createGatewayHome()
    const before = serve(home)
    const oldToken = await pair(before)
    await before.end()
    const after = serve(home)
    const newToken = await pair(after)
    for (const [index, token] of [newToken, oldToken].entries()) {
      const asked = after.ask(token, 'again')
      await after.reply(await after.message(index + 1), 'yes')
      expect((await asked).body.response).toBe('yes')
    }
  })

  test('eleven pairings leave ten tokens: the oldest has to pair again', async () => {
    const home = createGatewayHome()
    const tokens: string[] = []
    for (let n = 0; n < 11; n++) {
      const gateway = serve(home)
      tokens.push(await pair(gateway))
      await gateway.end()
    }
    const gateway = serve(home)
    await gateway.listening
    expect((await gateway.ask(tokens[0] ?? '', 'x')).status).toBe(401)
    expect(home.links.size).toBe(10)
  })
})

describe('what the gateway refuses', () => {
  test('a code works once', async () => {
    const gateway = serve()
    const { url, code } = await gateway.listening
    await pair(gateway)
    expect(await post(`${url}/pair`, { 'x-pairing-code': code })).toEqual({ status: 403, body: { error: 'refused' } })
    expect(gateway.home.links.size).toBe(1)
  })

  test('five wrong codes void it, and the terminal says so', async () => {
    const gateway = serve()
    const { url, code } = await gateway.listening
    const wrong = code === '000000' ? '000001' : '000000'
    for (const given of [wrong, '', '12345', 'abcdef', wrong])
      expect((await post(`${url}/pair`, { 'x-pairing-code': given })).status).toBe(403)
    expect((await post(`${url}/pair`, { 'x-pairing-code': code })).status).toBe(403)
    expect(gateway.home.shown.at(-1)).toContain('five wrong pairing codes')
  })

  test('a code is void after ten minutes', async () => {
    let now = 0
    const gateway = serve(createGatewayHome(), { now: () => now })
    const { url, code } = await gateway.listening
    now = 10 * 60_000
    expect((await post(`${url}/pair`, { 'x-pairing-code': code })).status).toBe(403)
  })

  test('no token, a wrong one, one whose link was taken back', async () => {
    const gateway = serve()
    const { url } = await gateway.listening
    const token = await pair(gateway)
    const other = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`
    const swapped = `${'0'.repeat(8)}.${token.split('.')[1]}`
    for (const authorization of ['', token, 'Bearer ', `Basic ${token}`, `Bearer ${other}`, `Bearer ${swapped}`])
      expect((await post(`${url}/webhook`, { authorization }, { message: 'x' })).status).toBe(401)
    gateway.home.links.clear()
    expect((await gateway.ask(token, 'x')).status).toBe(401)
    expect(gateway.received).toEqual([])
  })

  test('nothing that is kept holds a token', async () => {
    const gateway = serve()
    const [, secret = '-'] = (await pair(gateway)).split('.')
    expect([...gateway.home.values.values()].join()).not.toContain(secret)
    expect(gateway.home.shown.join()).not.toContain(secret)
  })

  test.each([{}, { message: ' ' }, { message: 7 }, { message: 'x'.repeat(100_001) }, [[]], 'message', null])(
    'a body that is no message: %#',
    async (body) => {
      const gateway = serve()
      const { url } = await gateway.listening
      const headers = { authorization: `Bearer ${await pair(gateway)}` }
      expect(await post(`${url}/webhook`, headers, body)).toEqual({ status: 400, body: { error: 'malformed' } })
    },
  )

  test('a body that is too large', async () => {
    const gateway = serve()
    const { url } = await gateway.listening
    const headers = { authorization: `Bearer ${await pair(gateway)}`, connection: 'close' }
    const response = await fetch(`${url}/webhook`, { method: 'POST', headers, body: 'x'.repeat(300_000) })
    expect(response.status).toBe(413)
  })

  test('a web page, by its own name or by ours', async () => {
    const gateway = serve()
    const { url } = await gateway.listening
    expect(await statusFor(`${url}/health`, { host: 'evil.example' })).toBe(403)
    expect(await statusFor(`${url}/health`, { host: '127.0.0.1.evil.example:42617' })).toBe(403)
    expect(await statusFor(`${url}/health`, { origin: 'null' })).toBe(403)
    expect(await statusFor(`${url}/health`, { origin: url })).toBe(403)
    expect(await statusFor(`${url}/health`, { host: 'localhost:40001' })).toBe(200) // a port that is mapped to ours
  })

  test('other methods and paths', async () => {
    const { url } = await serve().listening
    expect((await fetch(`${url}/webhook`)).status).toBe(405)
    expect((await fetch(`${url}/tokens`)).status).toBe(404)
    expect((await fetch(`${url}/constructor`)).status).toBe(404)
  })

  test('more than 32 who wait', async () => {
    const gateway = serve()
    const token = await pair(gateway)
    const waiting = Array.from({ length: 32 }, () => gateway.ask(token, 'x'))
    await gateway.message(32)
    expect(await gateway.ask(token, 'x')).toEqual({ status: 429, body: { error: 'busy' } })
    for (const message of gateway.received) await gateway.reply(message, 'done')
    expect((await Promise.all(waiting)).every(({ status }) => status === 200)).toBe(true)
  })

  test('a port number that is none', () => {
    const environment = telegramEnvironment({ settings: { GATEWAY_PORT: '70000' } })
    expect(createGatewayChannel(environment)).toEqual({ missing: ['GATEWAY_PORT must be at most 65535'] })
  })
})

describe('a reply that takes its time', () => {
  test('the bound is answered 202, and the reply comes with the next answer, once, also after a restart', async () => {
    const home = createGatewayHome()
    const time = Promise.withResolvers<void>()
    const before = serve(home, { wait: () => time.promise })
    const token = await pair(before)
    const pending = before.ask(token, 'slow')
    const slow = await before.message(1)
    time.resolve()
    expect(await pending).toEqual({ status: 202, body: { status: 'working', id: slow.id } })
    await before.reply(slow, 'at last')
    await before.end()

    const after = serve(home)
    await after.listening
    const asked = after.ask(token, 'next')
    const next = await after.message(1)
    await after.reply(next, 'fast')
    const earlier = [{ id: slow.id, response: 'at last' }]
    expect(await asked).toEqual({ status: 200, body: { id: next.id, response: 'fast', earlier } })
    const third = after.ask(token, 'third')
    await after.reply(await after.message(2), 'ok')
    expect((await third).body).not.toHaveProperty('earlier')
  })

  test('who hangs up finds it in the same way, and another program does not', async () => {
    const home = createGatewayHome()
    const other = serve(home)
    const otherToken = await pair(other)
    await other.end()
    const gateway = serve(home)
    const token = await pair(gateway)
    const hangUp = new AbortController()
    const asked = gateway.ask(token, 'one', hangUp.signal).catch(() => null)
    const one = await gateway.message(1)
    hangUp.abort()
    await asked
    // The connection closes on the other side when this one is answered.
    const two = gateway.ask(otherToken, 'two')
    const second = await gateway.message(2)
    await gateway.reply(one, 'first')
    await gateway.reply(second, 'second')
    expect((await two).body).toEqual({ id: second.id, response: 'second' })
    const three = gateway.ask(token, 'three')
    await gateway.reply(await gateway.message(3), 'third')
    expect((await three).body.earlier).toEqual([{ id: one.id, response: 'first' }])
  })

  test('a question is the answer at once; the code comes by the next request, and the reply behind it', async () => {
    const gateway = serve()
    const token = await pair(gateway)
    const pending = gateway.ask(token, 'pay 2 to bob')
    const asked = await gateway.message(1)
    const question = { key: 't/q1/1', kind: 'question', to: asked.senderId, replyTo: asked.id } as const
    const text = 'May I do this?\nAnswer bcdfghjk and I do exactly this, once.'
    const sent = { ...question, answers: [], text, repeat: false }
    await gateway.channel.send(sent, new AbortController().signal)
    const { status, body } = await pending
    expect([status, body.id, body.status]).toEqual([200, asked.id, 'question'])
    expect(body.response).toMatch(/Answer bcdfghjk and [\s\S]*POST \/webhook with \{"message": "the code"\}/)
    const answer = gateway.ask(token, 'bcdfghjk')
    const code = await gateway.message(2)
    await gateway.reply(asked, 'paid') // nobody waits for it any more
    await gateway.reply(code, 'I do it, once.')
    const earlier = [{ id: asked.id, response: 'paid' }]
    expect((await answer).body).toEqual({ id: code.id, response: 'I do it, once.', earlier })
    await gateway.channel.send({ ...sent, key: 't/q2/1' }, new AbortController().signal) // the same turn asks again
    const later = gateway.ask(token, 'status')
    await gateway.reply(await gateway.message(3), 'fine')
    expect((await later).body.earlier).toMatchObject([{ id: asked.id, response: expect.stringContaining('bcdfghjk') }])
  })

  test('a full mailbox refuses further ones, so that it is recorded', async () => {
    const gateway = serve()
    await gateway.listening
    const message = { id: 'm', senderId: 'gateway:00000000', text: '' }
    await gateway.reply(message, 'x'.repeat(50_000))
    const refused = gateway.reply({ ...message, id: 'n' }, 'x'.repeat(20_000))
    await expect(refused).rejects.toMatchObject({ fault: 'rejected' })
  })

  test('the end of the node answers 202 what is stored', async () => {
    const gateway = serve()
    const token = await pair(gateway)
    const asked = gateway.ask(token, 'one')
    const { id } = await gateway.message(1)
    await gateway.end()
    expect(await asked).toEqual({ status: 202, body: { status: 'working', id } })
  })

  test('a connection that never finishes its request does not hold up the end', async () => {
    const gateway = serve()
    const { hostname, port } = new URL((await gateway.listening).url)
    const open = (opened: Bun.Socket) => void opened.write('POST /webhook HTTP/1.1\r\nHost: localhost\r\n')
    const socket = await Bun.connect({ hostname, port: Number(port), socket: { open, data: () => {} } })
    await fetch(`http://${hostname}:${port}/health`) // the other one is open by now
    await gateway.end()
    socket.end()
  })

  test('what the node has not stored is answered 503, and not taken later', async () => {
    const { channel, listening } = connectGateway(createGatewayHome())
    const stop = new AbortController()
    const polled = channel.poll({ cursor: null, signal: stop.signal })
    await polled.next()
    const token = await pair({ listening })
    const { url } = await listening
    const asked = post(`${url}/webhook`, { authorization: `Bearer ${token}` }, { message: 'x' })
    const batch = await polled.next() // the node has it, and does not ask for more: it is not stored yet
    expect(batch.done).toBe(false)
    await channel.close?.()
    expect(await asked).toEqual({ status: 503, body: { error: 'not_taken' } })
    stop.abort()
    expect((await polled.next()).done).toBe(true)
  })
})

describe('a node that is started with the gateway', () => {
  const environment = { CHANNEL_PROVIDER: 'gateway', GATEWAY_PORT: '0', PLAITED_LOG: 'silent' }

  /** Starts a node, and reads from its terminal what a program reads there. */
  const startNode = async (home: string) => {
    const { child } = await startPlaited(['--home', home, '--model', 'scripted'], environment)
    ends.push(async () => {
      child.kill('SIGKILL')
      await child.exited
    })
    const reader = child.stderr.getReader()
    let shown = ''
    for (let found = null; ; found = /(http:[^\s,]+)[\s\S]*X-Pairing-Code:\s*(\d{6})/.exec(shown)) {
      const [, url, code] = found ?? []
      if (url !== undefined && code !== undefined) return { child, url, code }
      const { value, done } = await reader.read()
      if (done) throw new Error(`the node has ended: ${shown}`)
      shown += new TextDecoder().decode(value)
    }
  }

  test('answers, is killed, is paired with anew, and forgets a token that is taken back', async () => {
    using home = temporaryHome()
    const ask = (url: string, token: string) =>
      post(`${url}/webhook`, { authorization: `Bearer ${token}` }, { message: 'help' })
    const first = await startNode(home.path)
    const oldToken = await pair({ listening: Promise.resolve(first) })
    expect((await ask(first.url, oldToken)).body.response).toContain('I answer these words myself')
    first.child.kill('SIGKILL')
    await first.child.exited

    const second = await startNode(home.path)
    expect(second.code).not.toBe(first.code)
    const newToken = await pair({ listening: Promise.resolve(second) })
    expect((await ask(second.url, newToken)).status).toBe(200)
    const [id] = oldToken.split('.')
    const { stdout } = await plaited(['links', '--home', home.path], { environment })
    expect(stdout).toContain(`gateway:${id}`)
    const chat = await plaited(['chat', '--home', home.path], { environment, stdin: 'help\n' })
    expect(chat.stdout).toContain(`gateway:${id} on gateway was linked just now`)
    await plaited(['unlink', 'gateway', `gateway:${id}`, '--home', home.path], { environment })
    expect((await ask(second.url, oldToken)).status).toBe(401)
    second.child.kill('SIGTERM')
    expect(await second.child.exited).toBe(0)
  }, 60_000)
})
