/**
 * The lane of the file tools: one sandboxed worker that lives long, because it never runs anything of the workspace.
 *
 * Calls go one at a time. What comes back is treated as if the worker were taken over: frames have a limit, answers a schema,
 * and a wrong one ends the worker. A dead worker is replaced at the next call; the call it died in fails, because nobody
 * can say how far it came.
 */
import { z } from 'zod'
import { NodeError } from '../../utils/node-error.ts'
import { BUN_INSIDE, limitedCommand, type SandboxHost, WORKSPACE_INSIDE } from './bubblewrap-arguments.ts'
import { whyNotExecuted } from './explain-failure.ts'
import type { FileAnswer, FileOperation, FileRequest } from './file-worker.types.ts'
import { ANSWER_BYTES_MAX, encodeFrame, REQUEST_BYTES_MAX, readFrames, SEARCH_MATCHES_MAX } from './frames.ts'
import { type ConfinedProcess, launchConfined, writeInput } from './launch-confined.ts'
import { requireGitDir } from './reachability.ts'
import type { SandboxLimits } from './sandbox.types.ts'
import { keepHead } from './supervise.ts'
import { startMemoryWatch } from './watchdog.ts'

const WORKER_DIR_INSIDE = '/opt/plaited/worker'
/** The longest operation is a search, which ends itself after 10 s. */
const CALL_TIMEOUT_MS = 30_000
const STDERR_BYTES_MAX = 4096
/** As JSON each may become six bytes, which still fits a frame. */
const INPUT_CHARACTERS_MAX = REQUEST_BYTES_MAX / 6 - 1024

const replySchema = z.discriminatedUnion('kind', [
  z.strictObject({ id: z.int(), kind: z.literal('text'), text: z.string(), truncated: z.boolean() }),
  z.strictObject({
    id: z.int(),
    kind: z.literal('matches'),
    of: z.enum(['file', 'line']),
    matches: z.array(z.strictObject({ path: z.string(), hit: z.string().nullable() })).max(SEARCH_MATCHES_MAX),
    total: z.int().nonnegative().nullable(),
  }),
  z.strictObject({ id: z.int(), kind: z.literal('failed'), message: z.string() }),
])

export type FileWorker = {
  /** Starts the worker if none runs. */
  readonly warm: () => void
  readonly run: (operation: FileOperation, options: { readonly signal: AbortSignal }) => Promise<FileAnswer>
  readonly close: () => Promise<void>
}

type Connection = {
  readonly confined: ConfinedProcess
  readonly frames: AsyncGenerator<unknown, void, void>
  readonly stderr: Promise<Uint8Array>
}

/** Contract of `run`: rejects with `NodeError` SANDBOX_UNAVAILABLE or SANDBOX_FAILED, never because of the files. */
export const createFileWorker = (host: SandboxHost): FileWorker => {
  let connection: Connection | null = null
  let turn: Promise<unknown> = Promise.resolve()
  let lastId = 0
  let closed = false

  const running = (): Connection | null => (connection?.confined.isRunning() ? connection : null)
  const connect = (): Connection => {
    connection = startWorker(host)
    return connection
  }

  const perform = async (operation: FileOperation, signal: AbortSignal): Promise<FileAnswer> => {
    if (closed) throw new NodeError('SANDBOX_FAILED', 'the sandbox is closed')
    if (signal.aborted) return STOPPED
    if (sizeOf(operation) > INPUT_CHARACTERS_MAX) return TOO_LARGE
    const request = { id: ++lastId, operation }
    const options = { signal, limits: host.limits }
    const ahead = running()
    if (ahead === null) return exchange(connect(), request, options)
    return exchange(ahead, request, options).catch((error: unknown) => {
      // It ran nothing: it was built while things were otherwise, such as a workspace that a command had just closed.
      if (error instanceof NodeError && error.code === 'SANDBOX_UNAVAILABLE')
        return exchange(connect(), request, options)
      throw error
    })
  }

  return {
    warm: () => {
      if (!closed && running() === null) connect()
    },
    run: (operation, { signal }) => {
      const result = turn.then(() => perform(operation, signal))
      turn = result.catch(() => {}) // the caller has the error
      return result
    },
    close: async () => {
      closed = true
      if (connection === null) return
      connection.confined.kill()
      await connection.confined.ended
    },
  }
}

/** @throws {NodeError} SANDBOX_UNAVAILABLE, SANDBOX_FAILED. */
const startWorker = (host: SandboxHost): Connection => {
  requireGitDir(host)
  const command = [
    BUN_INSIDE,
    '--no-env-file', // the workspace's .env, bunfig.toml and packages are not ours to load
    '--config=/dev/null',
    '--no-install',
    '--no-macros',
    `${WORKER_DIR_INSIDE}/file-worker-main.ts`,
  ]
  const confined = launchConfined(host, 'files', {
    binds: [{ source: host.workerDir, target: WORKER_DIR_INSIDE, writable: false }],
    environment: {},
    cwd: WORKSPACE_INSIDE,
    command: limitedCommand(command, host, { cpuLimited: false }), // it may serve for weeks
  })
  const frames = readFrames(confined.stdout, ANSWER_BYTES_MAX)
  return { confined, frames, stderr: keepHead(confined.stderr, STDERR_BYTES_MAX) }
}

/** Asks once, for as long as a call may take. */
const exchange = async (
  current: Connection,
  request: FileRequest,
  { signal, limits }: { readonly signal: AbortSignal; readonly limits: SandboxLimits },
): Promise<FileAnswer> => {
  const { confined } = current
  let killed: 'stop' | 'timeout' | 'memory' | null = null
  let stopWatching = () => {}
  const kill = (why: NonNullable<typeof killed>) => {
    killed ??= why
    confined.kill()
  }
  const onAbort = () => kill('stop')
  const timer = setTimeout(() => kill('timeout'), CALL_TIMEOUT_MS)
  signal.addEventListener('abort', onAbort)
  try {
    const pid = await confined.innerPid
    if (pid !== null) stopWatching = startMemoryWatch(pid, limits, () => kill('memory'))
    const answer = await ask(current, request)
    if (killed === null && answer !== null) return answer
    await confined.ended
    if (killed === 'stop') return answer ?? STOPPED
    throw killed === null ? await explainEnd(current) : failed(KILLED[killed])
  } catch (error) {
    confined.kill() // whatever it was, this one is not asked again
    await confined.ended
    throw error
  } finally {
    stopWatching()
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

const KILLED = { timeout: `did not answer within ${CALL_TIMEOUT_MS / 1000} s`, memory: 'used too much memory' } as const

const STOPPED: FileAnswer = { kind: 'failed', message: 'stopped' }
const TOO_LARGE: FileAnswer = { kind: 'failed', message: `the input is over ${INPUT_CHARACTERS_MAX} characters` }

/** Characters of all texts of an operation. */
const sizeOf = (operation: FileOperation): number =>
  Object.values(operation).reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 0), 0)

/** Sends one request and takes the next frame as its answer; null when the worker ended instead. */
const ask = async ({ confined, frames }: Connection, request: FileRequest): Promise<FileAnswer | null> => {
  // A worker that does not read is met by the time limit.
  const sent = writeInput(confined, encodeFrame(request, REQUEST_BYTES_MAX))
  const received = frames.next().catch((cause: unknown) => {
    throw failed('sent something that is not a frame', cause)
  })
  const [next] = await Promise.all([received, sent])
  if (next.done) return null
  const reply = replySchema.safeParse(next.value)
  if (!reply.success || reply.data.id !== request.id) throw failed('sent an answer to nothing that was asked')
  const { id: _, ...answer } = reply.data
  return answer
}

const explainEnd = async ({ confined, stderr }: Connection): Promise<NodeError> => {
  const { exitCode, executed } = await confined.ended
  const bytes = await stderr
  if (!executed) return whyNotExecuted({ exitCode, stderr: bytes })
  return failed(`ended with exit code ${exitCode} ${Buffer.from(bytes).toString('utf8')}`.trim())
}

const failed = (what: string, cause?: unknown): NodeError =>
  new NodeError('SANDBOX_FAILED', `the file worker ${what}`, {
    hint: 'run the call again: a new worker takes over',
    ...(cause === undefined ? {} : { cause }),
  })
