import { expect, test } from 'bun:test'
import type { ConfinedProcess } from '../launch-confined.ts'
import { supervise } from '../supervise.ts'

test('a process whose output cannot be read is ended, and its end waited for, before that is told', async () => {
  const ended = Promise.withResolvers<Awaited<ConfinedProcess['ended']>>()
  let hasEnded = false
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(1)
    throw new Error('EIO')
  }
  const confined: Omit<ConfinedProcess, 'stdin'> = {
    stdout: broken(),
    stderr: broken(),
    innerPid: Promise.resolve(null),
    ended: ended.promise,
    isRunning: () => !hasEnded,
    kill: () => {
      hasEnded = true
      ended.resolve({ exitCode: 137, executed: true })
    },
  }
  await expect(supervise(confined, { timeoutMs: 60_000, outputBytesMax: 10 })).rejects.toThrow('EIO')
  expect(hasEnded).toBe(true)
})
