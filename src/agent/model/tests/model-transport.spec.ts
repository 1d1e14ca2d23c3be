/** The watchdog where it sits: in the fetch under the SDK, over a real connection. Time is faked, the wire is not. */
import { afterEach, beforeEach, describe, expect, jest, test } from 'bun:test'
import { createModelTransport } from '../model-transport.ts'

const IDLE_TIMEOUT_MS = 100

const PING = 'event: ping\ndata: {"type": "ping"}\n\n'

/** A server whose answer the test feeds after a first ping, and that answer as the transport passes it on. */
const connect = async () => {
  const encoder = new TextEncoder()
  const fed = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>()
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(encoder.encode(PING)) // the headers leave with the first bytes
      fed.resolve(controller)
    },
  })
  const headers = { 'content-type': 'text/event-stream' }
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(body, { headers }) })
  const transport = createModelTransport({ headers: {}, idleTimeoutMs: IDLE_TIMEOUT_MS })
  const response = await transport.fetch(server.url)
  const feed = await fed.promise
  const reader = (response.body ?? expect.unreachable()).getReader()
  expect(await readText(reader)).toBe(PING)
  return {
    transport,
    reader,
    send: (text: string) => feed.enqueue(encoder.encode(text)),
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

type Reader = { readonly read: () => Promise<{ readonly value?: Uint8Array | undefined }> }

const readText = async (reader: Reader): Promise<string> => new TextDecoder().decode((await reader.read()).value)

/** Lets a read begin, which arms the watchdog. */
const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

describe('the watchdog in the fetch', () => {
  beforeEach(() => {
    jest.useFakeTimers()
  })
  afterEach(() => {
    jest.useRealTimers()
  })

  test('takes each ping on the wire for life, for much longer than its limit', async () => {
    await using connection = await connect()
    for (let ping = 0; ping < 10; ping++) {
      const read = readText(connection.reader)
      await settle()
      jest.advanceTimersByTime(IDLE_TIMEOUT_MS - 1)
      connection.send(PING)
      expect(await read).toBe(PING)
    }
    expect(connection.transport.fault()).toBeNull()
  })

  test('ends an answer that falls silent after a ping', async () => {
    await using connection = await connect()
    const read = connection.reader.read()
    await settle()
    jest.advanceTimersByTime(IDLE_TIMEOUT_MS)
    await expect(read).rejects.toMatchObject({ fault: 'silent' })
    expect(connection.transport.fault()).toMatchObject({ message: 'the model service was silent for 0.1 s' })
  })
})
