/**
 * kill -9 of a whole node, with its real sandbox, git and journal, at chosen places; then a start as after any crash. What
 * must hold wherever it dies is tested by test/crash/campaign.test.ts; here is what an owner sees of it.
 */
import { expect, test } from 'bun:test'
import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openState } from '../src/agent/persistence.ts'
import { whyNoSandbox } from '../src/agent/sandbox/tests/sandbox-fixture.ts'
import { type CrashHome, createCrashHome, LIVES, processesWith } from './crash/crash-home.ts'
import { examine } from './crash/examine.ts'
import { readDeliveries } from './crash/mailbox.ts'
import { describeWhen } from './helpers.ts'

/** Where it dies, and the commits that the turn then has: what was uncommitted at the restart is set apart. */
const POINTS = [
  { point: 'turn.start', occurrence: 1, commits: ['turn'] },
  { point: 'model.message', occurrence: 1, commits: ['turn'] },
  { point: 'tool.start', occurrence: 2, commits: ['owner'] },
  { point: 'tool.result', occurrence: 1, commits: ['owner', 'turn'] },
  { point: 'model.request', occurrence: 3, commits: ['owner'] },
  { point: 'commit.record', occurrence: 1, commits: ['turn'] },
  { point: 'workspace.commit', occurrence: 1, commits: ['turn'] },
] as const

const TIMEOUT_MS = 60_000

const reason = await whyNoSandbox()

describeWhen(reason === null, reason ?? '', 'kill -9 of a node', () => {
  test(
    'sets apart what it finds, runs the rest, and does not run again what may have run',
    async () => {
      using home = crashHome()
      const nameOf = ({ point, occurrence }: (typeof POINTS)[number]) => `${point}-${occurrence}`
      for (const killAt of POINTS) {
        const log = nameOf(killAt)
        await die(home, { killAt, letters: [letter(log, `run echo x >> ${log} && then run echo y >> ${log}`)] })
        await home.run({ ...LIVES, letters: [letter(`after ${log}`, 'hello')] })
      }
      examine(home)
      const done = Object.fromEntries(POINTS.map((at) => [nameOf(at), linesOf(join(home.paths.workspace, nameOf(at)))]))
      const everyWord = Object.fromEntries(POINTS.map((at) => [nameOf(at), ['x', 'y']]))
      expect(done).toEqual({ ...everyWord, 'tool.start-2': ['x'] })
      const unsure = [...replies(home)].filter(([, text]) => text.includes('UNKNOWN')).map(([id]) => id)
      expect(unsure).toEqual(['tool.start-2'])
      expect(commits(home)).toEqual(POINTS.flatMap((killAt) => killAt.commits).toReversed())
    },
    TIMEOUT_MS,
  )

  test(
    'while a command runs ends the command too; what it did and what the owner did meanwhile is kept, whatever is undone',
    async () => {
      using home = crashHome()
      const { workspace } = home.paths
      await home.run({ ...LIVES, letters: [letter('first', 'hello')] }) // so that there is a workspace to watch
      const marker = `97531.${process.pid}`
      const untilItSleeps = 'while [ "$(cat /proc/$!/comm)" != sleep ]; do :; done'
      const killWhen = appearance(workspace, 'log.txt').then(() => expect(processesWith(marker)).not.toEqual([]))
      const text = `run sleep ${marker} & ${untilItSleeps}; echo x >> log.txt; wait`
      await die(home, { letters: [letter('m1', text)], killWhen })
      await killWhen
      writeFileSync(join(workspace, 'mine.txt'), 'mine')
      await home.run({ ...LIVES, letters: [letter('last', 'undo')] })
      const found = git(workspace, 'log', '-1', '--format=%H').slice(0, 10)
      expect(replies(home).get('m1')).toMatch(
        new RegExp(`UNKNOWN.*found after the restart are commit ${found}, apart`, 's'),
      )
      examine(home)
      expect(commits(home)).toEqual(['owner'])
      expect(git(workspace, 'show', 'HEAD:log.txt', 'HEAD:mine.txt')).toBe('x\nmine')
      expect(linesOf(join(workspace, 'mine.txt'))).toEqual(['mine'])
      expect(processesWith(marker)).toEqual([])
    },
    TIMEOUT_MS,
  )

  test(
    'right after an undo does not undo a second turn',
    async () => {
      using home = crashHome()
      await home.run({ ...LIVES, letters: [letter('m1', 'write a.txt: one')] })
      await home.run({ ...LIVES, letters: [letter('m2', 'write a.txt: two')] })
      await die(home, { letters: [letter('m3', 'undo')], killAt: { point: 'workspace.undo', occurrence: 1 } })
      await home.run({ ...LIVES, letters: [letter('last', 'hello')] })
      expect(replies(home).get('m3')).toContain("see 'log'")
      examine(home)
      expect(commits(home)).toEqual(['undo', 'turn', 'turn'])
      expect(linesOf(join(home.paths.workspace, 'a.txt'))).toEqual(['one'])
    },
    TIMEOUT_MS,
  )

  test(
    'at the same place at every start ends with a turn that is given up and answered',
    async () => {
      using home = crashHome()
      const killAt = { point: 'model.request', occurrence: 1 }
      await die(home, { letters: [letter('m1', 'hello')], killAt })
      for (let again = 0; again < 3; again++) await die(home, { letters: [], killAt })
      await home.run({ ...LIVES, letters: [letter('last', 'hello')] })
      expect(replies(home).get('m1')).toContain('gave up')
      examine(home)
      expect([...replies(home).keys()]).toEqual(['m1', 'last'])
    },
    TIMEOUT_MS,
  )
})

/** A home with money enough. */
const crashHome = (): CrashHome => createCrashHome({ keyed: true, dayCapUsd: '5' })

const letter = (id: string, text: string) => ({ id, text, followUp: true })

const die = async (home: CrashHome, request: Partial<Parameters<CrashHome['run']>[0]>): Promise<void> => {
  const { wasKilled } = await home.run({ ...LIVES, letters: [], ...request })
  expect(wasKilled).toBe(true)
}

/** Replies by the message that they answer, in the order in which they came. */
const replies = (home: CrashHome): ReadonlyMap<string, string> =>
  new Map(readDeliveries(home.mailbox).map(({ replyTo, text }) => [replyTo ?? '', text]))

/** Kinds of the commits on record, newest first. */
const commits = (home: CrashHome): readonly string[] => {
  const state = openState(home.paths.state)
  try {
    const rows = state.database.query<{ kind: string }, []>('select kind from workspace_commits order by seq desc')
    return rows.all().map(({ kind }) => kind)
  } finally {
    state.close()
  }
}

/** As any program of the owner would ask git. */
const git = (workspace: string, ...args: string[]): string =>
  Bun.spawnSync(['git', '-c', 'safe.directory=*', '-C', workspace, ...args])
    .stdout.toString()
    .trim()

const linesOf = (path: string): readonly string[] =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []

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
