import type { KilledBy } from './explain-end.ts'
import type { ConfinedProcess } from './launch-confined.ts'
import type { Breach } from './watchdog.ts'

export type SupervisedRun = {
  readonly exitCode: number
  /** false: bubblewrap failed, and `stderr` is its own. */
  readonly executed: boolean
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  readonly killedBy: KilledBy
}

/**
 * Follows one process to its end: keeps all of its output, and kills it on time-out, more output than `outputBytesMax` in
 * all, abort, or a breach that `watch` reports (it gets the pid inside and returns how to stop watching).
 */
export const supervise = async (
  confined: Omit<ConfinedProcess, 'stdin'>,
  options: {
    readonly timeoutMs: number
    readonly outputBytesMax: number
    readonly signal?: AbortSignal
    readonly watch?: (pid: number, onBreach: (what: Breach) => void) => () => void
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
    if (totalBytes > options.outputBytesMax) kill('output')
  }
  try {
    const [stdout, stderr, { exitCode, executed }] = await Promise.all([
      keepHead(confined.stdout, options.outputBytesMax, onBytes),
      keepHead(confined.stderr, options.outputBytesMax, onBytes),
      confined.ended,
    ])
    return { exitCode, executed, stdout, stderr, killedBy }
  } catch (error) {
    confined.kill() // what nobody can read or watch any more must not go on
    await confined.ended
    throw error
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
): Promise<Uint8Array> => {
  const kept: Uint8Array[] = []
  let room = bytesMax
  for await (const chunk of stream) {
    onBytes(chunk.length)
    if (room > 0) kept.push(chunk.subarray(0, room))
    room = Math.max(0, room - chunk.length)
  }
  return Buffer.concat(kept)
}
