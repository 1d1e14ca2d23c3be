import { describe, expect, test } from 'bun:test'
import { createQueue } from '../queue.ts'

const take = async <T>(items: AsyncGenerator<T>): Promise<T | 'ended'> => {
  const { done, value } = await items.next()
  return done ? 'ended' : value
}

describe('a queue', () => {
  test('gives items in order, those of before and those that come while it is waited for', async () => {
    const queue = createQueue<number>()
    const items = queue.drain(new AbortController().signal)
    queue.push(1)
    queue.push(2)
    expect(await take(items)).toBe(1)
    expect(await take(items)).toBe(2)
    const third = take(items)
    queue.push(3)
    expect(await third).toBe(3)
  })

  test('ends when its signal aborts: at once, while waited for, and with items left', async () => {
    const aborted = AbortSignal.abort()
    expect(await take(createQueue<number>().drain(aborted))).toBe('ended')
    const abort = new AbortController()
    const queue = createQueue<number>()
    const waiting = take(queue.drain(abort.signal))
    abort.abort()
    expect(await waiting).toBe('ended')
    queue.push(1)
    expect(await take(queue.drain(aborted))).toBe('ended')
    expect(await take(queue.drain(new AbortController().signal))).toBe(1)
  })
})
