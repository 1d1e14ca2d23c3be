/** The sandbox's two lanes by themselves: calls are permitted before the clock starts. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SandboxOutcome, ToolOperation } from '../agent/agent.types.ts'
import { createSandboxLanes, type SandboxLanes } from '../parts.ts'
import type { BenchRow, Goal, Measurement } from './bench.types.ts'
import { CHILD_ENVIRONMENT } from './child-process.ts'
import { createRow } from './create-row.ts'
import { openGate } from './open-gate.ts'
import { type Task, timePairs } from './stopwatch.ts'

const PAIRS = { count: 100, warmups: 5 }
/** A model thinks for far longer between two calls; this is enough for the next sandbox to be there. */
const BASH_GAP_MS = 30
const FILE_GAP_MS = 15
/** For ten sandboxes at once the pool refills longer. */
const PARALLEL_GAP_MS = 60
const PARALLEL_CALLS = 10
const COMMAND_TIMEOUT_MS = 10_000
const TEXT_1K = 'plaited\n'.repeat(128)

type Lane = {
  readonly name: string
  /** What one sample runs, given the operation's permission. */
  readonly subject: (run: () => Promise<void>, lanes: SandboxLanes) => Promise<unknown>
  readonly operation: ToolOperation
  readonly gapMs: number
  readonly floor: { readonly what: string; readonly task: (path: string) => Promise<unknown> }
  readonly goal: Goal
}

const spawnBare = (...command: string[]) =>
  Bun.spawn(command, { env: CHILD_ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] }).exited
const runTrue: ToolOperation = { kind: 'bash', command: 'true', timeoutMs: COMMAND_TIMEOUT_MS }
const once: Lane['subject'] = (run) => run()
const tenTimes = <T>(task: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: PARALLEL_CALLS }, task))

// In this order: what is written is read afterwards.
const LANES: readonly Lane[] = [
  {
    ...{ name: 'bash-true', subject: once, operation: runTrue, gapMs: BASH_GAP_MS },
    floor: { what: 'bare Bun.spawn of bash -c true', task: () => spawnBare('bash', '-c', 'true') },
    goal: { ratioMax: 1 },
  },
  {
    ...{ name: 'bash-true-x10', operation: runTrue, gapMs: PARALLEL_GAP_MS },
    subject: tenTimes,
    floor: {
      what: 'ten bare Bun.spawn of bash -c true at once',
      task: () => tenTimes(() => spawnBare('bash', '-c', 'true')),
    },
    goal: {},
  },
  {
    // What refilling the pool by one costs: a sandbox from nothing to its end.
    ...{ name: 'pool-refill', operation: runTrue, gapMs: BASH_GAP_MS },
    subject: async (_, lanes) => {
      const request = { argv: ['true'], binds: [], environment: {}, stdin: null, cwd: '/' }
      await lanes.runConfined({ ...request, timeoutMs: COMMAND_TIMEOUT_MS })
    },
    floor: {
      what: 'bare bwrap of bash -c true in six namespaces',
      task: () => spawnBare('bwrap', '--unshare-all', '--ro-bind', '/', '/', '--proc', '/proc', 'bash', '-c', 'true'),
    },
    goal: {},
  },
  {
    ...{ name: 'file-write-1k', subject: once, gapMs: FILE_GAP_MS },
    operation: { kind: 'write', path: '/workspace/bench.txt', content: TEXT_1K },
    floor: { what: 'in-process writeFile', task: (path) => writeFile(path, TEXT_1K) },
    goal: { valueMax: 1.2 },
  },
  {
    ...{ name: 'file-read-1k', subject: once, gapMs: FILE_GAP_MS },
    operation: { kind: 'read', path: '/workspace/bench.txt', offset: null, limit: null },
    floor: { what: 'in-process readFile', task: (path) => readFile(path, 'utf8') },
    goal: { valueMax: 0.6 },
  },
]

export const laneMeasurement: Measurement = {
  names: LANES.map(({ name }) => name),
  take: async (lab) => {
    const { config } = await lab.home()
    const folder = lab.folder('lanes')
    const { gate, state } = openGate(config, join(folder, 'events.sqlite'))
    const lanes = createSandboxLanes(config)
    try {
      const rows: BenchRow[] = []
      for (const { name, operation, subject, gapMs, floor, goal } of LANES) {
        const permission = gate.permit(operation, {})
        if (!permission.ok) throw new Error(`the rules block ${name}`)
        const { signal } = lab
        const run = async () => requireSuccess(await lanes.sandbox.run(permission.call, { signal }))
        const task: Task = () => subject(run, lanes)
        const samples = await timePairs(task, () => floor.task(join(folder, 'bench.txt')), { ...PAIRS, gapMs, signal })
        rows.push(
          createRow({
            ...{ name, goal, unit: 'ms', samples: samples.subject },
            floor: { what: floor.what, samples: samples.floor },
          }),
        )
      }
      return rows
    } finally {
      await lanes.close()
      state.close()
    }
  },
}

/** @throws {Error} when a call did not do what was to be measured. */
export const requireSuccess = (outcome: SandboxOutcome): void => {
  const succeeded = outcome.kind === 'text' || (outcome.kind === 'process' && outcome.exitCode === 0)
  if (!succeeded) throw new Error(`a call failed: ${JSON.stringify(outcome)}`)
}
