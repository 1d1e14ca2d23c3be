import { expect, test } from 'bun:test'
import { createLane } from '../lane.ts'

test('tasks of a lane run one after the other, also behind one that fails, and each caller gets its own result', async () => {
  const order: string[] = []
  const lane = createLane()
  const task = (name: string) => async () => {
    order.push(`begin ${name}`)
    await Promise.resolve()
    order.push(`end ${name}`)
    if (name === 'bad') throw new Error(name)
    return name
  }
  const results = Promise.allSettled(['a', 'bad', 'c'].map((name) => lane.run(task(name))))
  await lane.idle()
  expect(order).toEqual(['begin a', 'end a', 'begin bad', 'end bad', 'begin c', 'end c'])
  expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})
