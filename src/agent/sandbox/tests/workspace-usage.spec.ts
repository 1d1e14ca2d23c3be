import { describe, expect, test } from 'bun:test'
import { tmpdir } from 'node:os'
import type { RunConfined } from '../sandbox.types.ts'
import { createWorkspaceUsage } from '../workspace-usage.ts'

const limits = { workspaceBytesMax: 1024 * 1024 * 1024, workspaceFilesMax: 1000 }

/** du that says what it is told, and counts how often it is asked. */
const fakeDu = (says: { text: string }) => {
  let asked = 0
  const run: RunConfined = async () => {
    asked++
    return { exitCode: 0, stdout: Buffer.from(says.text), stderr: new Uint8Array() }
  }
  return { run, asked: () => asked }
}
const GIB_IN_KIB = 1024 * 1024

describe('the room in the workspace', () => {
  test('is unknown until the first call was made, then what the count leaves', async () => {
    const du = fakeDu({ text: `${GIB_IN_KIB / 2}\t/workspace\n10\t/workspace\n` })
    const usage = createWorkspaceUsage(tmpdir(), limits, du.run)
    expect(usage.room()).toBeNull()
    expect(await usage.isFull()).toBe(false)
    expect(du.asked()).toBe(0)
    usage.noteCall()
    usage.noteCall()
    await Bun.sleep(0)
    expect(du.asked()).toBe(1)
    expect(usage.room()?.bytes).toBeLessThanOrEqual(limits.workspaceBytesMax / 2)
    expect(usage.room()?.bytes).toBeGreaterThan(0)
  })

  test.each([
    ['too many bytes', `${GIB_IN_KIB + 4}\t/workspace\n10\t/workspace\n`],
    ['too many files', '4\t/workspace\n1001\t/workspace\n'],
    ['a count that took too long', ''],
    ['half of a count', '4\t/workspace\n'],
  ])('%s: nothing is written any more, but a command may run to delete', async (_, text) => {
    const says = { text }
    const usage = createWorkspaceUsage(tmpdir(), limits, fakeDu(says).run)
    usage.noteCall()
    await Bun.sleep(0)
    expect(await usage.isFull()).toBe(true)
    expect(usage.room()).toEqual({ bytes: 16 * 1024 * 1024, files: 1000 })
    says.text = '4\t/workspace\n10\t/workspace\n'
    expect(await usage.isFull()).toBe(false)
  })

  test('a workspace that is gone is no fault here', async () => {
    const usage = createWorkspaceUsage('/no/such/workspace', limits, fakeDu({ text: '4\t/\n10\t/\n' }).run)
    usage.noteCall()
    await Bun.sleep(0)
    usage.noteCall()
    expect(usage.room()?.files).toBe(990)
    expect(await usage.isFull()).toBe(false)
  })

  test('a count that failed leaves it unknown, and the next call counts again', async () => {
    let asked = 0
    const usage = createWorkspaceUsage(tmpdir(), limits, () => {
      asked++
      return Promise.reject(new Error('no sandbox'))
    })
    usage.noteCall()
    await Bun.sleep(0)
    usage.noteCall()
    await Bun.sleep(0)
    expect(asked).toBe(2)
    expect(usage.room()).toBeNull()
  })
})
