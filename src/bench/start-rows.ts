/** The node from outside: how soon a start answers, what it then holds, and what the launcher adds to a command. */
import { join } from 'node:path'
import { openState } from '../agent/persistence.ts'
import { askUntilHealthy, freePort } from './ask-health.ts'
import type { Measurement } from './bench.types.ts'
import { BUN, PROJECT, residentMb, runProgram, type Service, startService } from './child-process.ts'
import { createRow } from './create-row.ts'
import { timePairs } from './stopwatch.ts'

const LAUNCHER = join(PROJECT, 'bin', 'plaited')
const FLOOR_SERVER = Bun.fileURLToPath(import.meta.resolve('./floor-server-main.ts'))
const FLOOR = 'a Bun script that opens the same state and serves /health'

const STARTS = 7
/** Lets the node finish what it does behind its first answer: the sandboxes that it starts ahead. */
const SETTLE_MS = 700

const COMMANDS = { count: 15, warmups: 2, gapMs: 20 }

export const startMeasurement: Measurement = {
  names: ['health-cold-start', 'idle-rss'],
  take: async (lab) => {
    const { config } = await lab.home()
    const statePath = join(lab.folder('floor'), 'events.sqlite')
    openState(statePath).close()
    const startFloor = (port: number) => startService([...BUN, FLOOR_SERVER, statePath, String(port)])
    const startNode = (port: number) =>
      startService([LAUNCHER, 'start', '--json', '--home', config.home.root, '--model', 'scripted'], {
        environment: {
          PLAITED_PORT: String(port),
          ...(config.dropTo && { PLAITED_SANDBOX_UID: `${config.dropTo.uid}:${config.dropTo.gid}` }),
        },
      })
    const samples = { node: [] as StartSample[], floor: [] as StartSample[] }
    for (let start = 0; start < STARTS; start++) {
      lab.signal.throwIfAborted()
      samples.node.push(await sampleStart(startNode))
      samples.floor.push(await sampleStart(startFloor))
    }
    return [
      createRow({
        name: 'health-cold-start',
        unit: 'ms',
        samples: samples.node.map(({ ms }) => ms),
        floor: { what: FLOOR, samples: samples.floor.map(({ ms }) => ms) },
        goal: { valueMax: 300 },
        note: 'bin/plaited start in a home that exists, from the start of the process to the first answer',
      }),
      createRow({
        name: 'idle-rss',
        unit: 'MB',
        samples: samples.node.map(({ mb }) => mb),
        floor: { what: FLOOR, samples: samples.floor.map(({ mb }) => mb) },
        goal: { valueMax: 90 },
        note: `of the node's own process (its sandboxes apart), ${SETTLE_MS} ms after the first answer`,
      }),
    ]
  },
}

type StartSample = { readonly ms: number; readonly mb: number }

const sampleStart = async (start: (port: number) => Promise<Service>): Promise<StartSample> => {
  const port = freePort()
  const startedAt = performance.now()
  const failed = new AbortController()
  const starting = start(port)
  const answeredMs = askUntilHealthy(port, failed.signal).then(() => performance.now() - startedAt)
  answeredMs.catch(() => {}) // when the service does not start, that is the fault
  const service = await starting.catch((error: unknown) => {
    failed.abort()
    throw error
  })
  try {
    const ms = await answeredMs
    await Bun.sleep(SETTLE_MS)
    return { ms, mb: residentMb(service.pid) }
  } finally {
    await service.stop()
  }
}

export const launcherMeasurement: Measurement = {
  names: ['launcher-overhead'],
  take: async ({ signal }) => {
    const { subject, floor } = await timePairs(
      () => runProgram([LAUNCHER, 'help']),
      () => runProgram([...BUN, join(PROJECT, 'src', 'cli.ts'), 'help']),
      { ...COMMANDS, signal },
    )
    return [
      createRow({
        name: 'launcher-overhead',
        unit: 'ms',
        samples: subject,
        floor: { what: 'the same command without the launcher', samples: floor },
        note: 'bin/plaited help, with everything in place',
      }),
    ]
  },
}
