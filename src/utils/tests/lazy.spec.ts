import { expect, test } from 'bun:test'
import { lazy } from '../lazy.ts'

test('a lazy thing is made at its first use, once for all that ask at the same time', async () => {
  let count = 0
  const thing = lazy(async () => ++count)
  expect(thing.made()).toBeNull()
  expect(await Promise.all([thing.get(), thing.get()])).toEqual([1, 1])
  expect(await thing.get()).toBe(1)
  expect(await thing.made()).toBe(1)
})

test('a lazy thing that could not be made is tried again at the next use', async () => {
  let count = 0
  const thing = lazy(async () => {
    if (++count === 1) throw new Error('not yet')
    return count
  })
  expect(await thing.get().catch(() => 'failed')).toBe('failed')
  expect(thing.made()).toBeNull()
  expect(await thing.get()).toBe(2)
})
