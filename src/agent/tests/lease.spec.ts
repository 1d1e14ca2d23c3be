import { describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { takeLease } from '../lease.ts'
import { createTestFolder } from './state-fixture.ts'

const CHILD = Bun.fileURLToPath(import.meta.resolve('./lease-child.ts'))

/** Another process that holds the lease once this resolves. */
const holdElsewhere = async (path: string) => {
  const child = Bun.spawn([process.execPath, CHILD, path], { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' })
  const { value } = await child.stdout.getReader().read()
  expect(Buffer.from(value ?? []).toString()).toBe('held\n')
  return child
}

const locked = expect.objectContaining({ code: 'HOME_LOCKED', hint: expect.stringContaining('--home') })

describe('the lease', () => {
  test('is refused to a second taker, in the same process and in another, until it is released', async () => {
    using folder = createTestFolder()
    const path = join(folder.path, 'lease.sqlite')
    const lease = takeLease(path)
    expect(() => takeLease(path)).toThrow(locked)
    lease.release()
    const child = await holdElsewhere(path)
    expect(() => takeLease(path)).toThrow(locked)
    child.stdin.end()
    expect(await child.exited).toBe(0)
    takeLease(path).release()
  })

  test('is free as soon as its holder was killed with SIGKILL', async () => {
    using folder = createTestFolder()
    const path = join(folder.path, 'lease.sqlite')
    const child = await holdElsewhere(path)
    child.kill('SIGKILL')
    await child.exited
    takeLease(path).release()
  })

  test('is not lost to garbage collection while it is held', () => {
    using folder = createTestFolder()
    const path = join(folder.path, 'lease.sqlite')
    const lease = takeLease(path)
    Bun.gc(true)
    expect(() => takeLease(path)).toThrow(locked)
    lease.release()
  })

  test('that cannot be written says so, and does not blame another process', () => {
    using folder = createTestFolder()
    const unusable = expect.objectContaining({ code: 'HOME_UNUSABLE' })
    expect(() => takeLease(join(folder.path, 'missing', 'lease.sqlite'))).toThrow(unusable)
    mkdirSync(join(folder.path, 'folder.sqlite'))
    expect(() => takeLease(join(folder.path, 'folder.sqlite'))).toThrow(unusable)
    writeFileSync(join(folder.path, 'text.sqlite'), 'this is no database, and long enough to be looked at'.repeat(100))
    expect(() => takeLease(join(folder.path, 'text.sqlite'))).toThrow(unusable)
  })
})
