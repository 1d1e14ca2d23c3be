import type { SandboxOutcome } from '../agent.types.ts'
import type { ConfinedProcess } from './launch-confined.ts'

/** Beyond this many times the kept output a command is not talkative but a flood. */
const FLOOD_FACTOR = 4

type KilledBy = Extract<SandboxOutcome, { kind: 'process' }>['killedBy']

export type SupervisedRun = {
  readonly exitCode: number
  /** false: bubblewrap failed, and `stderr` is its own. */
  readonly executed: boolean
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  readonly truncated: boolean
  readonly killedBy: KilledBy
}

/**
 * Follows one process to its end: keeps the head of its output, and kills it on time-out, flood, abort, or a breach that
 * `watch` reports (it gets the pid inside and returns how to stop watching).
 */
export const supervise = async (
  confined: ConfinedProcess,
  options: {
    readonly timeoutMs: number
    readonly outputBytesMax: number
    readonly signal?: AbortSignal
    readonly watch?: (pid: number, onBreach: (what: 'memory' | 'disk') => void) => () => void
  },
): Promise<SupervisedRun> => {
  let killedBy: KilledBy = null
  let hasEnded = false
  let stopWatching = () => {}
  const kill = (reason: NonNullable<KilledBy>) => {
    killedBy ??= reason
    confined.kill()
  }
  const onAbort = () => kill('stop')
  const timer = setTimeout(() => kill('timeout'), options.timeoutMs)
  options.signal?.addEventListener('abort', onAbort)
  if (options.signal?.aborted) onAbort()
  void confined.innerPid.then((pid) => {
    if (pid !== null && !hasEnded) stopWatching = options.watch?.(pid, kill) ?? stopWatching
  })

  let totalBytes = 0
  const onBytes = (count: number) => {
    totalBytes += count
    if (totalBytes > FLOOD_FACTOR * options.outputBytesMax) kill('output')
  }
  try {
    const [stdout, stderr, { exitCode, executed }] = await Promise.all([
      keepHead(confined.stdout, options.outputBytesMax, onBytes),
      keepHead(confined.stderr, options.outputBytesMax, onBytes),
      confined.ended,
    ])
    const truncated = stdout.truncated || stderr.truncated
    return { exitCode, executed, stdout: stdout.bytes, stderr: stderr.bytes, truncated, killedBy }
  } finally {
    hasEnded = true
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', onAbort)
    stopWatching()
  }
}

/** Reads to the end, so that the writer never blocks, and keeps the first `bytesMax`. */
export const keepHead = async (
  stream: AsyncIterable<Uint8Array>,
  bytesMax: number,
  onBytes: (count: number) => void = () => {},
): Promise<{ readonly bytes: Uint8Array; readonly truncated: boolean }> => {
  const kept: Uint8Array[] = []
  let room = bytesMax
  let truncated = false
  for await (const chunk of stream) {
    onBytes(chunk.length)
    if (chunk.length > room) truncated = true
    if (room > 0) kept.push(chunk.subarray(0, room))
    room = Math.max(0, room - chunk.length)
  }
  return { bytes: Buffer.concat(kept), truncated }
}
