/**
 * kill -9 of a whole node, with its real sandbox, git and journal, at each point that the journal makes durable; then a
 * start as after any crash. Nothing may be lost, answered twice, or done twice.
 */
import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createDecisionChain } from '../src/agent/decision-chain.ts'
import { createJournal } from '../src/agent/journal.ts'
import { validateRequest } from '../src/agent/model/scripted/validate-request.ts'
import { openState } from '../src/agent/persistence.ts'
import { projectMessages } from '../src/agent/projection.ts'
import { whyNoSandbox } from '../src/agent/sandbox/tests/sandbox-fixture.ts'
import { homePaths } from '../src/home.ts'
import { systemClock } from '../src/utils/clock.ts'
import type { CrashPlan, CrashReport } from './crash-child.ts'
import { describeWhen, projectRoot } from './helpers.ts'
import { type TemporaryHome, temporaryHome } from './run-plaited.ts'

const CHILD = join(projectRoot, 'test', 'crash-child.ts')

type Message = CrashPlan['messages'][number]
type Point = NonNullable<CrashPlan['killAt']>

const start = (plan: CrashPlan) =>
  Bun.spawn([process.execPath, CHILD, JSON.stringify(plan)], {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })

/** Says the messages; the node kills itself at the point while it answers the last of them. */
const crash = async (home: string, messages: readonly Message[], killAt: Point): Promise<void> => {
  const child = start({ home, messages, killAt })
  const [stderr] = await Promise.all([child.stderr.text(), child.exited])
  expect({ killAt, stderr, signal: child.signalCode }).toEqual({ killAt, stderr: '', signal: 'SIGKILL' })
}

/** Starts again and says something, whose answer comes after everything that was left. */
const recover = async (home: string, id: string, text = 'hello'): Promise<CrashReport> => {
  const child = start({ home, messages: [{ id, text }], killAt: null })
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  expect({ stderr, exitCode: child.exitCode }).toEqual({ stderr: '', exitCode: 0 })
  return JSON.parse(stdout) as CrashReport
}

/** As any program of the owner would ask git. */
const git = (workspace: string, ...args: string[]): string =>
  Bun.spawnSync(['git', '-c', 'safe.directory=*', '-C', workspace, ...args])
    .stdout.toString()
    .trim()

/** What must hold after any crash and recovery, whatever was said; returns what is left to judge. */
const examine = (root: string) => {
  const home = homePaths(root)
  const state = openState(home.state)
  try {
    const rows = <Row>(sql: string) => state.database.query<Row, []>(sql).all()
    const events = createJournal(state, systemClock, () => {}).after(0, 10_000)
    const turnsWith = (type: string) => events.filter((event) => event.type === type).map(({ turn }) => turn)

    // Each message was answered exactly once, in order, and the answer has left.
    const inbound = rows<{ message_id: string; state: string }>('select message_id, state from inbound order by seq')
    const outbox = rows<{ reply_to: string; state: string; text: string }>('select * from outbox order by seq')
    expect(outbox.map(({ reply_to }) => reply_to)).toEqual(inbound.map(({ message_id }) => message_id))
    expect([...new Set(inbound.map((row) => row.state)), ...new Set(outbox.map((row) => row.state))]).toEqual([
      'answered',
      'sent',
    ])
    expect(turnsWith('turn.end')).toEqual(turnsWith('turn.start'))
    expect(turnsWith('message.in')).toEqual(turnsWith('turn.start'))
    // No money is in the air, the chain of decisions is whole, and the model can be shown what happened.
    expect(rows(`select * from spend where state = 'reserved'`)).toEqual([])
    expect(createDecisionChain(state, systemClock).verify()).toMatchObject({ ok: true })
    const request = { model: 'm', max_tokens: 1, messages: projectMessages(events) }
    expect(validateRequest(request, { counting: false, isSigned: () => true })).toMatchObject({ ok: true })
    // The record knows exactly the commits that git has, besides the first, and git has everything.
    const recorded = rows<{ sha: string; kind: string; turn: string }>(
      'select sha, kind, turn from workspace_commits order by seq desc',
    )
    const inGit = git(home.workspace, 'log', '--format=%H').split('\n')
    expect(recorded.map(({ sha }) => sha)).toEqual(inGit.slice(0, -1))
    expect(git(home.workspace, 'status', '--porcelain')).toBe('')

    const replies = new Map(outbox.map(({ reply_to, text }) => [reply_to, text]))
    return { home, replies, commits: recorded.map(({ kind }) => kind) }
  } finally {
    state.close()
  }
}

const linesOf = (path: string): readonly string[] =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []

/** Where it dies, and the commits that the turn then has: what was uncommitted at the restart is set apart. */
const POINTS: readonly (Point & { readonly commits: readonly ('owner' | 'turn')[] })[] = [
  { point: 'turn.start', occurrence: 1, commits: ['turn'] },
  { point: 'model.request', occurrence: 1, commits: ['turn'] },
  { point: 'model.message', occurrence: 1, commits: ['turn'] },
  { point: 'tool.start', occurrence: 2, commits: ['owner'] },
  { point: 'tool.result', occurrence: 1, commits: ['owner', 'turn'] },
  { point: 'model.request', occurrence: 3, commits: ['owner'] },
  { point: 'model.message', occurrence: 3, commits: ['owner'] },
  { point: 'workspace.commit', occurrence: 1, commits: ['turn'] },
  { point: 'turn.end', occurrence: 1, commits: ['turn'] },
]

const TIMEOUT_MS = 60_000

const reason = await whyNoSandbox()

describeWhen(reason === null, reason ?? '', 'kill -9 of a node', () => {
  test(
    'at each point of the journal, one after the other, loses nothing and does nothing twice',
    async () => {
      using root = crashHome()
      const nameOf = ({ point, occurrence }: Point) => `${point}-${occurrence}`
      for (const killAt of POINTS) {
        const log = nameOf(killAt)
        // Each start goes on with what the crash before left, then says hello, then works until its own crash.
        const work = `run echo x >> ${log} && then run echo y >> ${log}`
        const messages = [
          { id: `hello before ${log}`, text: 'hello' },
          { id: log, text: work },
        ]
        await crash(root.path, messages, killAt)
      }
      const { late } = await recover(root.path, 'last')
      expect(late).toEqual([{ text: expect.stringContaining('echo y'), repeat: false }])

      const { home, replies, commits } = examine(root.path)
      const done = Object.fromEntries(POINTS.map(nameOf).map((log) => [log, linesOf(join(home.workspace, log))]))
      const everyWord = Object.fromEntries(POINTS.map((killAt) => [nameOf(killAt), ['x', 'y']]))
      // The one call that may have run is not run again, and the model is told to look.
      expect(done).toEqual({ ...everyWord, 'tool.start-2': ['x'] })
      const unsure = [...replies].filter(([, text]) => text.includes('UNKNOWN')).map(([id]) => id)
      expect(unsure).toEqual(['tool.start-2'])
      expect(commits).toEqual(POINTS.flatMap((killAt) => killAt.commits).toReversed())
    },
    TIMEOUT_MS,
  )

  test(
    'while a command runs ends the command too; what it did and what the owner did meanwhile is kept, whatever is undone',
    async () => {
      using root = crashHome()
      await recover(root.path, 'first') // so that there is a workspace to watch
      const { workspace } = homePaths(root.path)
      const marker = `97531.${process.pid}`
      const untilItSleeps = 'while [ "$(cat /proc/$!/comm)" != sleep ]; do :; done'
      const messages = [{ id: 'm1', text: `run sleep ${marker} & ${untilItSleeps}; echo x >> log.txt; wait` }]
      const child = start({ home: root.path, messages, killAt: null })
      await appearance(workspace, 'log.txt')
      expect(processesWith(marker).filter((pid) => pid !== `${child.pid}`)).not.toEqual([])
      child.kill('SIGKILL')
      await child.exited
      writeFileSync(join(workspace, 'mine.txt'), 'mine')
      const { late } = await recover(root.path, 'last', 'undo')
      const found = git(workspace, 'log', '-1', '--format=%H').slice(0, 10)
      const told = new RegExp(`UNKNOWN.*found after the restart are commit ${found}, apart`, 's')
      expect(late).toMatchObject([{ text: expect.stringMatching(told) }])
      expect(examine(root.path).commits).toEqual(['owner'])
      expect(git(workspace, 'show', 'HEAD:log.txt', 'HEAD:mine.txt')).toBe('x\nmine')
      expect(linesOf(join(workspace, 'mine.txt'))).toEqual(['mine'])
      expect(processesWith(marker)).toEqual([])
    },
    TIMEOUT_MS,
  )

  test(
    'right after an undo does not undo a second turn',
    async () => {
      using root = crashHome()
      await recover(root.path, 'm1', 'write a.txt: one')
      await crash(
        root.path,
        [
          { id: 'm2', text: 'write a.txt: two' },
          { id: 'm3', text: 'undo' },
        ],
        { point: 'workspace.undo', occurrence: 1 },
      )
      const { late } = await recover(root.path, 'last')
      expect(late).toMatchObject([{ text: expect.stringContaining("see 'log'") }])
      const { home, commits } = examine(root.path)
      expect(commits).toEqual(['undo', 'turn', 'turn'])
      expect(linesOf(join(home.workspace, 'a.txt'))).toEqual(['one'])
    },
    TIMEOUT_MS,
  )

  test(
    'at the same place at every start ends with a turn that is given up and answered',
    async () => {
      using root = crashHome()
      const killAt = { point: 'model.request', occurrence: 1 }
      for (let attempt = 0; attempt < 4; attempt++) await crash(root.path, [{ id: 'm1', text: 'hello' }], killAt)
      const { late } = await recover(root.path, 'last')
      expect(late).toMatchObject([{ text: expect.stringContaining('gave up') }])
      expect([...examine(root.path).replies.keys()]).toEqual(['m1', 'last'])
    },
    TIMEOUT_MS,
  )
})

/** Resolves when a file with something in it is in a folder. */
const appearance = (folder: string, name: string): Promise<void> =>
  new Promise((resolve) => {
    const look = () => {
      if (linesOf(join(folder, name)).length === 0) return
      watcher.close()
      resolve()
    }
    const watcher = watch(folder, look)
    look()
  })

/** A home whose processes go with it: a bubblewrap that died while it set up leaves a child that waits for ever. */
const crashHome = (): TemporaryHome => {
  const home = temporaryHome()
  return {
    path: home.path,
    [Symbol.dispose]: () => {
      for (const pid of processesWith(home.path)) endProcess(Number(pid))
      home[Symbol.dispose]()
    },
  }
}

const endProcess = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

const processesWith = (word: string): readonly string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => commandOf(pid).includes(word))

/** Empty when the process has gone meanwhile. */
const commandOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
