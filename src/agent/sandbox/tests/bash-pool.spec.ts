/** What the pool makes of sandboxes that are started ahead, and of control groups, which here only write down what they are asked. */
import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { describeWhen } from '../../../../test/helpers.ts'
import { createBashPool } from '../bash-pool.ts'
import { WORKSPACE_INSIDE } from '../bubblewrap-arguments.ts'
import type { CallGroups } from '../call-groups.ts'
import { prepareHost } from '../prepare-host.ts'
import { createTestHome, descendants, TEST_USER, takeAway, waitUntilOver, whyNoSandbox } from './sandbox-fixture.ts'

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
  const pool = createBashPool({ host, groups, usage: { room: () => null } })
  const dispose = async () => {
    await pool.close()
    home.remove()
  }
  return { pool, host, workspace: home.workspace, held, removed: () => removed, dispose }
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

const nameOf = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'latin1').trim()

describeWhen(reason === null, `no sandbox on this host: ${reason}`, 'a sandbox that was started ahead', () => {
  test.each([
    ['a short script', 'echo fine'],
    ['one that no pipe takes at once', `echo fine${' '.repeat(200_000)}`],
  ])('and could not be built is replaced by a fresh one: the call does not notice (%s)', async (_, script) => {
    const { pool, host, dispose } = await openPool({ outOfMemory: false, outOfProcesses: false })
    const bringBack = takeAway(host)
    pool.warm()
    waitUntilOver(descendants())
    bringBack()
    const run = await pool.run(script, { timeoutMs: 10_000, signal })
    expect(run).toMatchObject({ kind: 'ended', exitCode: 0, stdout: Buffer.from('fine\n') })
    await dispose()
  })

  test('is not replaced when it is ended from outside: the script may have run', async () => {
    const { pool, workspace, dispose } = await openPool({ outOfMemory: false, outOfProcesses: false })
    const run = pool.run(`echo run >>${WORKSPACE_INSIDE}/runs; sleep 60`, { timeoutMs: 10_000, signal })
    while (!existsSync(`${workspace}/runs`)) await Bun.sleep(1)
    const bubblewrap = descendants().find((pid) => nameOf(pid) === 'bwrap' && descendants(pid).length > 1)
    if (bubblewrap === undefined) throw new Error('no bubblewrap runs the script')
    process.kill(bubblewrap, 'SIGKILL')
    expect(await run.catch(({ message }) => message)).toContain('ended from outside')
    expect(readFileSync(`${workspace}/runs`, 'latin1')).toBe('run\n')
    await dispose()
  })
})
