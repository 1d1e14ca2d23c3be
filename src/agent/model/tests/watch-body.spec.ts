import { afterEach, beforeEach, describe, expect, jest, test } from 'bun:test'
import type { ModelError } from '../model.types.ts'
import { watchBody } from '../watch-body.ts'

const IDLE_TIMEOUT_MS = 45_000

/** A body that the test feeds, and what the watch found in it. */
const watchedSource = (bytesMax?: number) => {
  const found: (ModelError | 'end')[] = []
  const cancelled = Promise.withResolvers<unknown>()
  let feed: ReadableStreamDefaultController<Uint8Array> | undefined
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => {
      feed = controller
    },
    cancel: (reason) => cancelled.resolve(reason),
  })
  if (!feed) throw new Error('the stream did not start')
  const watched = watchBody(source, {
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    ...(bytesMax !== undefined && { bytesMax }),
    onFault: (fault) => found.push(fault),
    onEnd: () => found.push('end'),
  })
  return { feed, reader: watched.getReader(), found, cancelled: cancelled.promise }
}

/** Lets the stream start its pull, which arms the timer: time is faked, promises are not. */
const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

const bytes = (length: number) => new Uint8Array(length)

describe('the watch on an answer', () => {
  beforeEach(() => {
    jest.useFakeTimers()
  })
  afterEach(() => {
    jest.useRealTimers()
  })

  test('a ping now and then keeps an answer alive for longer than the idle limit', async () => {
    const { feed, reader, found } = watchedSource()
    for (let ping = 0; ping < 3; ping++) {
      const read = reader.read()
      await settle()
      jest.advanceTimersByTime(IDLE_TIMEOUT_MS - 1)
      feed.enqueue(bytes(1))
      expect((await read).value).toHaveLength(1)
    }
    expect(found).toEqual([])
  })

  test('silence for the idle limit ends the answer and hangs up', async () => {
    const { reader, found, cancelled } = watchedSource()
    const read = reader.read()
    await settle()
    jest.advanceTimersByTime(IDLE_TIMEOUT_MS)
    await expect(read).rejects.toMatchObject({ fault: 'silent', message: 'the model service was silent for 45 s' })
    await cancelled
    expect(found).toMatchObject([{ fault: 'silent' }])
  })

  test('a reader that takes its time is not silence of the service', async () => {
    const { feed, reader, found } = watchedSource()
    feed.enqueue(bytes(1))
    await reader.read()
    jest.advanceTimersByTime(10 * IDLE_TIMEOUT_MS)
    feed.enqueue(bytes(2))
    expect((await reader.read()).value).toHaveLength(2)
    expect(found).toEqual([])
  })

  test('an end is reported only when everything before it was read', async () => {
    const { feed, reader, found } = watchedSource()
    feed.enqueue(bytes(1))
    feed.close()
    await reader.read()
    expect(found).toEqual([])
    expect((await reader.read()).done).toBe(true)
    expect(found).toEqual(['end'])
  })

  test('a broken connection is reported with its cause', async () => {
    const { feed, reader, found } = watchedSource()
    const cause = new Error('ECONNRESET')
    feed.error(cause)
    await expect(reader.read()).rejects.toMatchObject({ fault: 'unreachable', cause })
    expect(found).toMatchObject([{ fault: 'unreachable' }])
  })

  test('an answer over the size limit is refused', async () => {
    const { feed, reader, cancelled } = watchedSource(10)
    feed.enqueue(bytes(10))
    expect((await reader.read()).value).toHaveLength(10)
    feed.enqueue(bytes(1))
    await expect(reader.read()).rejects.toMatchObject({ fault: 'malformed' })
    await cancelled
  })

  test('a reader that leaves hangs up', async () => {
    const { reader, cancelled } = watchedSource()
    await reader.cancel('enough')
    expect(await cancelled).toBe('enough')
  })
})
