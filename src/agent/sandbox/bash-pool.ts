/**
 * The lane of bash: sandboxes that are started ahead and used for exactly one call each.
 *
 * Refilling waits until a call is over: a new sandbox would compete with the command for the processor.
 */
import { NodeError } from '../../utils/node-error.ts'
import { type BashHost, type ScriptEnd, startBash, type WaitingBash } from './waiting-bash.ts'

/** A model's turn takes far longer than a refill, so two cover a call that follows at once. */
const POOL_SIZE = 2
/** Lets the answer to the finished call leave first. */
const REFILL_DELAY_MS = 5
/** The gate's limit on a command is 32 KiB; this one only bounds the pipe. */
const SCRIPT_BYTES_MAX = 256 * 1024

export type BashRun = ({ readonly kind: 'ended' } & ScriptEnd) | { readonly kind: 'failed'; readonly message: string }

export type BashPool = {
  /** Fills the pool. Safe to call again. */
  readonly warm: () => void
  readonly run: (
    script: string,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ) => Promise<BashRun>
  /** Kills running calls and ends waiting sandboxes; afterwards no process is left. */
  readonly close: () => Promise<void>
}

/** Contract of `run`: rejects with `NodeError` SANDBOX_UNAVAILABLE or SANDBOX_FAILED, never because of the script. */
export const createBashPool = (bashHost: BashHost): BashPool => {
  const waiting: WaitingBash[] = []
  const running = new Set<{ readonly stop: () => void; readonly done: Promise<unknown> }>()
  let refill: Timer | null = null
  let closed = false

  const warm = () => {
    while (!closed && waiting.length < POOL_SIZE) waiting.push(startBash(bashHost))
  }

  const refillLater = () => {
    refill = null
    try {
      warm()
    } catch {
      // Nobody waits for this one: the next call meets the same fault and reports it.
    }
  }

  const takeWaiting = (): WaitingBash | null => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      if (next.isRunning()) return next
      else void next.leave()
    return null
  }

  const runOne: WaitingBash['run'] = async (script, options) => {
    try {
      const ahead = takeWaiting()
      if (ahead !== null) return await ahead.run(script, options)
    } catch (error) {
      // It ran nothing: it was built while things were otherwise, such as a workspace that a command had just closed.
      if (!(error instanceof NodeError && error.code === 'SANDBOX_UNAVAILABLE')) throw error
    }
    return startBash(bashHost).run(script, options)
  }

  return {
    warm,
    run: async (script, { timeoutMs, signal }) => {
      if (closed) throw new NodeError('SANDBOX_FAILED', 'the sandbox is closed')
      const refusal = refuse(script)
      if (refusal !== null) return { kind: 'failed', message: refusal }
      if (signal.aborted) return STOPPED_BEFORE_START
      const stop = new AbortController()
      const done = runOne(script, {
        timeoutMs: Math.min(timeoutMs, bashHost.host.limits.wallMsMax),
        signal: AbortSignal.any([signal, stop.signal]),
      })
      const entry = { stop: () => stop.abort(), done: done.catch(() => {}) }
      running.add(entry)
      try {
        return { kind: 'ended', ...(await done) }
      } finally {
        running.delete(entry)
        if (!closed) refill ??= setTimeout(refillLater, REFILL_DELAY_MS)
      }
    },
    close: async () => {
      closed = true
      if (refill !== null) clearTimeout(refill)
      for (const { stop } of running) stop()
      const idle = waiting.splice(0)
      await Promise.all([...[...running].map(({ done }) => done), ...idle.map(({ leave }) => leave())])
    },
  }
}

const STOPPED_BEFORE_START: BashRun = {
  kind: 'ended',
  exitCode: null,
  stdout: new Uint8Array(),
  stderr: new Uint8Array(),
  killedBy: 'stop',
  notes: ['It was stopped before it had begun.'],
}

const refuse = (script: string): string | null => {
  if (script.includes('\0')) return 'a command cannot hold a NUL character'
  if (Buffer.byteLength(script) > SCRIPT_BYTES_MAX) return `a command is at most ${SCRIPT_BYTES_MAX} bytes long`
  return null
}
