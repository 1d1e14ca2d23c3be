/**
 * The keeper as a process, started with an empty environment: by the supervisor as root with `--socket PATH --group GID`, or
 * by the node as its own user over stdio, where it ends with its input. One line on stderr tells of each request.
 */
import { parseArgs } from 'node:util'
import { ANSWER_BYTES_MAX, encodeFrame } from './keeper/keeper-protocol.ts'
import { requireGuarded } from './keeper/require-guarded.ts'
import { serveSocket, serveStdio } from './keeper/serve-keeper.ts'
import { openKeeper } from './keeper-parts.ts'
import { systemClock } from './utils/clock.ts'
import { createLog } from './utils/log.ts'
import { NodeError } from './utils/node-error.ts'

/** EX_CONFIG of sysexits.h: a supervisor must not restart, someone must change something. */
const EXIT_CONFIG = 78

type KeeperEvents = {
  'keeper.request': { readonly op: string; readonly name: string | null; readonly result: string }
  'keeper.ready': { readonly socket: string | null; readonly faults: readonly string[] }
  'keeper.failed': { readonly code: string; readonly message: string; readonly hint: string | null }
}

const log = createLog<KeeperEvents>({
  ...{ write: (line) => void process.stderr.write(line), clock: systemClock },
  ...{ secrets: [], level: 'info' },
}).bind({ pid: process.pid })

const options = { type: 'string' } as const
const { values } = parseArgs({
  options: { constraints: options, keys: options, seeds: options, socket: options, group: options },
})

const required = (name: 'constraints' | 'keys' | 'seeds'): string => {
  const value = values[name]
  if (value !== undefined) return value
  throw new NodeError('USAGE', `--${name} is missing`)
}

const run = async (): Promise<void> => {
  const { socket, group } = values
  const isSeparate = socket !== undefined
  if (isSeparate) requireGuarded(socket) // it gets owner and mode by its name
  const keeper = await openKeeper(
    { constraints: required('constraints'), keys: required('keys'), seeds: required('seeds') },
    { isSeparate, log: (entry) => log.info('keeper.request', entry) },
  )
  const faults = keeper.faults.map(({ what }) => what)
  if (!isSeparate || faults.length > 0)
    log[faults.length > 0 ? 'warn' : 'debug']('keeper.ready', { socket: null, faults })
  if (socket === undefined) {
    const reply = (answer: Uint8Array) => void process.stdout.write(answer)
    await serveStdio(keeper, { input: Bun.stdin.stream(), reply })
    return keeper.close()
  }
  const server = serveSocket(keeper, { path: socket, group: Number(group ?? 0) })
  const end = () => {
    server.close()
    keeper.close()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
  log.info('keeper.ready', { socket, faults })
}

// Nobody reads the log any more, or the answer: that ends no keeper.
for (const stream of [process.stderr, process.stdout]) stream.on('error', () => {})
try {
  await run()
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  const { code, hint } = error instanceof NodeError ? error : { code: 'INTERNAL', hint: null }
  log.error('keeper.failed', { code, message, hint })
  // Whoever waits on stdio learns why without reading the log.
  if (values.socket === undefined) {
    process.stdout.write(encodeFrame({ ok: false, code: 'KEEPER_FAILED', message, hint }, ANSWER_BYTES_MAX))
  }
  process.exitCode = EXIT_CONFIG
}
