/** How the pool uses control groups, shown with groups that only write down what they are asked. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { describeWhen } from '../../../../test/helpers.ts'
import { createBashPool } from '../bash-pool.ts'
import type { CallGroups } from '../call-groups.ts'
import { prepareHost } from '../prepare-host.ts'
import { createTestHome, descendants, TEST_USER, whyNoSandbox } from './sandbox-fixture.ts'

const reason = await whyNoSandbox()
const signal = new AbortController().signal

const openPool = async (events: ReturnType<NonNullable<ReturnType<CallGroups['hold']>>['events']>) => {
  const home = createTestHome()
  const held: { readonly pid: number; readonly children: readonly number[] }[] = []
  let removed = 0
  const groups: CallGroups = {
    hold: (pid) => {
      held.push({ pid, children: descendants(pid) })
      return { events: () => events, remove: () => void removed++ }
    },
    close: () => {},
  }
  const host = await prepareHost({ ...home, dropTo: TEST_USER })
  const pool = createBashPool(host, { groups, usage: { room: () => null } })
  const dispose = async () => {
    await pool.close()
    home.remove()
  }
  return { pool, held, removed: () => removed, dispose }
}

describeWhen(reason === null, `no sandbox on this host: ${reason}`, 'a call in a control group', () => {
  test('is put into it, whole, before it has its script, and the group goes after it', async () => {
    const { pool, held, removed, dispose } = await openPool({ outOfMemory: false, outOfProcesses: false })
    for (const output of ['one', 'two']) {
      const run = await pool.run(`echo ${output}`, { timeoutMs: 10_000, signal })
      expect(run).toMatchObject({ kind: 'ended', exitCode: 0, killedBy: null, notes: [] })
    }
    expect(held.length).toBeGreaterThanOrEqual(2)
    expect(held.flatMap(({ children }) => children)).toEqual([])
    await dispose()
    expect(removed()).toBe(held.length)
    for (const { pid } of held) expect(() => readFileSync(`/proc/${pid}/status`)).toThrow()
  })

  test('that the kernel ended for its memory, or refused a process, is told so', async () => {
    const { pool, dispose } = await openPool({ outOfMemory: true, outOfProcesses: true })
    const run = await pool.run('exit 137', { timeoutMs: 10_000, signal })
    expect(run).toMatchObject({
      exitCode: null,
      killedBy: 'memory',
      notes: [expect.stringContaining('too much memory')],
    })
    await dispose()
    const other = await openPool({ outOfMemory: false, outOfProcesses: true })
    const refused = await other.pool.run('exit 1', { timeoutMs: 10_000, signal })
    expect(refused).toMatchObject({ exitCode: 1, notes: [expect.stringContaining('256 processes')] })
    await other.dispose()
  })
})
