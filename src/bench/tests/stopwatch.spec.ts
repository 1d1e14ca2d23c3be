import { describe, expect, test } from 'bun:test'
import { timeBatches, timeCalls, timePairs } from '../stopwatch.ts'

const { signal } = new AbortController()

describe('pairs', () => {
  test('alternate, and warm-ups run without being counted', async () => {
    const calls: string[] = []
    const samples = await timePairs(
      () => calls.push('subject'),
      () => calls.push('floor'),
      { count: 2, warmups: 1, gapMs: null, signal },
    )
    expect(calls).toEqual(['subject', 'floor', 'subject', 'floor', 'subject', 'floor'])
    expect([samples.subject.length, samples.floor.length]).toEqual([2, 2])
  })

  test('a task that fails is no sample', async () => {
    const failing = () => Promise.reject(new Error('failed'))
    const pairs = timePairs(failing, () => {}, { count: 1, warmups: 0, gapMs: null, signal })
    await expect(pairs).rejects.toThrow('failed')
  })

  test('end between two samples when nobody waits any more', async () => {
    const abort = new AbortController()
    let floors = 0
    const pairs = timePairs(
      () => abort.abort(new Error('gone')),
      () => floors++,
      { count: 1, warmups: 0, gapMs: null, signal: abort.signal },
    )
    await expect(pairs).rejects.toThrow('gone')
    expect(floors).toBe(0)
  })
})

test('a batch is one sample of many calls', () => {
  const counts = { subject: 0, floor: 0 }
  const samples = timeBatches(
    () => counts.subject++,
    () => counts.floor++,
    { batches: 3, warmups: 1, calls: 5 },
  )
  expect(counts).toEqual({ subject: 20, floor: 20 })
  expect([samples.subject.length, samples.floor.length]).toEqual([3, 3])
})

test('single calls are a sample each', () => {
  let calls = 0
  expect(timeCalls(() => void calls++, 7)).toHaveLength(7)
  expect(calls).toBe(7)
})
