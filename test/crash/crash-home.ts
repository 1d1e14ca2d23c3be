/** A home that a node dies in, again and again, with what lies outside it: the mailbox, and the bill of the model service. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { homePaths } from '../../src/home.ts'
import { systemClock } from '../../src/utils/clock.ts'
import { projectRoot } from '../helpers.ts'
import { temporaryHome } from '../run-plaited.ts'
import { type Letter, writeLetter } from './mailbox.ts'
import type { RunPlan } from './node-child.ts'
import { EFFECTS_LOG } from './scenes.ts'

const CHILD = join(projectRoot, 'test', 'crash', 'node-child.ts')
/** Noon, so that a home never sees midnight; 2027-01-15. */
const FIRST_NOON_MS = 1_800_014_400_000
/** A node that has not answered everything after this hangs. */
const RUN_TIMEOUT_MS = 60_000

export type RunRequest = Pick<RunPlan, 'steer' | 'killAt' | 'refusesFirst'> & {
  readonly letters: readonly Letter[]
  /** Killed from outside after this time, wherever it is: since it was spawned, or since it has opened its state. */
  readonly killAfter?: { readonly ms: number; readonly since: 'spawn' | 'open' }
  /** Killed from outside when this resolves. */
  readonly killWhen?: Promise<unknown>
}

export type Run = {
  readonly wasKilled: boolean
  /** Passed before the end, in order. */
  readonly points: readonly string[]
  /** Since it had opened its state. */
  readonly elapsedMs: number
}

export type CrashHome = {
  readonly paths: ReturnType<typeof homePaths>
  readonly mailbox: string
  readonly served: string
  readonly keyed: boolean
  /** Starts a node with these letters in the mailbox, until it is killed or has answered everything. */
  readonly run: (request: RunRequest) => Promise<Run>
  readonly [Symbol.dispose]: () => void
}

export const LIVES: Omit<RunRequest, 'letters'> = { steer: null, killAt: null, refusesFirst: false }

export const createCrashHome = ({
  keyed,
  dayCapUsd,
}: {
  readonly keyed: boolean
  readonly dayCapUsd: string
}): CrashHome => {
  const folder = temporaryHome()
  const outside = temporaryHome()
  const paths = homePaths(folder.path)
  const served = join(outside.path, 'served.jsonl')
  const clockShiftMs = FIRST_NOON_MS - systemClock.now()
  let runs = 0
  return {
    ...{ paths, served, keyed, mailbox: outside.path },
    run: async ({ letters, steer, killAt, refusesFirst, killAfter, killWhen }) => {
      for (const letter of letters) writeLetter(outside.path, letter)
      const plan: RunPlan = {
        ...{ home: folder.path, mailbox: outside.path, served, keyed, refusesFirst, clockShiftMs, steer, killAt },
        ...{ run: ++runs, dayCapUsd },
      }
      const child = Bun.spawn([process.execPath, '--no-install', CHILD, JSON.stringify(plan)], {
        env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: RUN_TIMEOUT_MS,
        killSignal: 'SIGTERM',
      })
      const kill = () => child.kill('SIGKILL')
      void killWhen?.then(kill, kill)
      const killIn = (since: 'spawn' | 'open') => {
        if (killAfter?.since === since) setTimeout(kill, killAfter.ms)
      }
      killIn('spawn')
      let openedAt: number | null = null
      const readPoints = async () => {
        let text = ''
        for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
          if (openedAt === null) killIn('open')
          openedAt ??= performance.now()
          text += chunk
        }
        return text
      }
      const [stdout, stderr] = await Promise.all([readPoints(), child.stderr.text(), child.exited])
      const wasKilled = child.signalCode === 'SIGKILL'
      if (stderr !== '' || !(wasKilled || child.exitCode === 0)) {
        throw new Error(`the node ended with ${child.signalCode ?? child.exitCode}: ${stderr}\n${stdout}`)
      }
      const elapsedMs = openedAt === null ? 0 : performance.now() - openedAt
      return { wasKilled, points: stdout.split('\n').filter(Boolean), elapsedMs }
    },
    [Symbol.dispose]: () => {
      for (const { pid } of processesWith(folder.path)) endProcess(pid)
      folder[Symbol.dispose]()
      outside[Symbol.dispose]()
    },
  }
}

/** Keeps the effects out of git, as an edit of the owner. */
export const ignoreEffects = ({ paths }: CrashHome): void =>
  writeFileSync(join(paths.workspace, '.gitignore'), `${EFFECTS_LOG}\n`)

/** Processes whose command line has the word in it. */
export const processesWith = (word: string): readonly { readonly pid: number; readonly command: string }[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), command: commandOf(name) }))
    .filter(({ command }) => command.includes(word))

/** Empty when the process has gone meanwhile. */
const commandOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

export const endProcess = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
