/**
 * The lane of bash: sandboxes that are started ahead and used for exactly one call each.
 *
 * Pid 1 of a warm sandbox is a bash that has set its limits and waits on stdin for one script, as `<bytes>\n<script>`
 * (`read -N` takes blocks; a delimiter would be looked for byte by byte). It runs the script in a subshell and stays a plain
 * reaper. When it ends, the kernel ends every process of its namespace, so nothing of a call is left for the next one.
 *
 * Refilling waits until a call is over: a new sandbox would compete with the command for the processor.
 */
import { NodeError } from '../../utils/node-error.ts'
import { limitsScript, type SandboxHost, shellCommand, WORKSPACE_INSIDE } from './bubblewrap-arguments.ts'
import type { CallGroup, CallGroups } from './call-groups.ts'
import { explainEnd, type KilledBy } from './explain-end.ts'
import { whyNotExecuted } from './explain-failure.ts'
import { type ConfinedProcess, launchConfined, sendInput } from './launch-confined.ts'
import { requireGitDir } from './reachability.ts'
import { keepHead, supervise } from './supervise.ts'
import { startWatchdog } from './watchdog.ts'
import type { WorkspaceUsage } from './workspace-usage.ts'

/** A model's turn takes far longer than a refill, so two cover a call that follows at once. */
const POOL_SIZE = 2
/** Lets the answer to the finished call leave first. */
const REFILL_DELAY_MS = 5
/** Beyond this many times the answered output a command is not talkative but a flood. */
const FLOOD_FACTOR = 4
/** The gate's limit on a command is 32 KiB; this one only bounds the pipe. */
const SCRIPT_BYTES_MAX = 256 * 1024

const WAIT_FOR_SCRIPT = [
  'LC_ALL=C', // lengths are bytes
  'IFS= read -r length && IFS= read -r -N "$length" script || exit 125',
  'unset -v LC_ALL length',
  'exec </dev/null',
  '( eval "unset -v script; $script" )', // on one line, so that line numbers in messages are the script's
  'exit $?', // without it bash would replace itself by the subshell
].join('; ')

/** How a command ended, with all that it printed. */
export type BashRun =
  | {
      readonly kind: 'ended'
      /** null when it was killed. */
      readonly exitCode: number | null
      readonly killedBy: KilledBy
      readonly stdout: Uint8Array
      readonly stderr: Uint8Array
      /** Which limit it met, and what to do instead. */
      readonly notes: readonly string[]
    }
  | { readonly kind: 'failed'; readonly message: string }

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

type Member = {
  readonly confined: ConfinedProcess
  /** Its control group, where there are any. Contract: does not reject. */
  readonly group: Promise<CallGroup | null>
}

/** Contract of `run`: rejects with `NodeError` SANDBOX_UNAVAILABLE or SANDBOX_FAILED, never because of the script. */
export const createBashPool = (
  host: SandboxHost,
  { groups, usage }: { readonly groups: CallGroups | null; readonly usage: Pick<WorkspaceUsage, 'room'> },
): BashPool => {
  const waiting: Member[] = []
  const running = new Set<{ readonly stop: () => void; readonly done: Promise<unknown> }>()
  let refill: Timer | null = null
  let closed = false

  const start = (): Member => {
    requireGitDir(host)
    const confined = launchConfined(host, 'bash', {
      binds: [],
      environment: {},
      cwd: WORKSPACE_INSIDE,
      command: shellCommand(`${limitsScript(host, { cpuLimited: true })}; ${WAIT_FOR_SCRIPT}`),
    })
    // It has no children before it has a script, so all of the call will be in the group.
    const group = groups === null ? Promise.resolve(null) : confined.innerPid.then((pid) => pid && groups.hold(pid))
    return { confined, group: group.then((held) => held || null) }
  }

  const warm = () => {
    while (!closed && waiting.length < POOL_SIZE) waiting.push(start())
  }

  const refillLater = () => {
    refill = null
    try {
      warm()
    } catch {
      // Nobody waits for this one: the next call meets the same fault and reports it.
    }
  }

  const take = (): Member => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      if (next.confined.isRunning()) return next
      else void leave(next)
    return start()
  }

  const runOne = async (script: string, timeoutMs: number, signal: AbortSignal): Promise<BashRun> => {
    const { confined, group } = take()
    const { limits, workspace } = host
    const supervised = supervise(confined, {
      timeoutMs,
      outputBytesMax: FLOOD_FACTOR * limits.outputBytesMax,
      signal,
      watch: (pid, onBreach) => startWatchdog({ pid, workspace, limits, room: usage.room(), onBreach }),
    })
    const held = groups === null ? null : await group // not even a turn of the loop where there are none
    const sent = sendInput(confined, `${Buffer.byteLength(script)}\n${script}`)
    const [{ executed, ...run }] = await Promise.all([supervised, sent])
    const { outOfMemory, outOfProcesses } = held?.events() ?? NOTHING_REFUSED
    held?.remove()
    const killedBy = run.killedBy ?? (outOfMemory ? 'memory' : null)
    if (!executed && killedBy === null) throw whyNotExecuted(run)
    const end = { ...run, killedBy, exitCode: killedBy === null ? run.exitCode : null }
    return { kind: 'ended', ...end, notes: explainEnd({ ...end, timeoutMs, outOfProcesses }, limits) }
  }

  return {
    warm,
    run: async (script, { timeoutMs, signal }) => {
      if (closed) throw new NodeError('SANDBOX_FAILED', 'the sandbox is closed')
      const refusal = refuse(script)
      if (refusal !== null) return { kind: 'failed', message: refusal }
      if (signal.aborted) return STOPPED_BEFORE_START
      const stop = new AbortController()
      const done = runOne(script, Math.min(timeoutMs, host.limits.wallMsMax), AbortSignal.any([signal, stop.signal]))
      const entry = { stop: () => stop.abort(), done: done.catch(() => {}) }
      running.add(entry)
      try {
        return await done
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
      // End of input lets a waiting sandbox leave by itself, also one that is still being set up.
      await Promise.all([...[...running].map(({ done }) => done), ...idle.map(leave)])
    },
  }
}

const NOTHING_REFUSED = { outOfMemory: false, outOfProcesses: false }

const STOPPED_BEFORE_START: BashRun = {
  kind: 'ended',
  exitCode: null,
  stdout: new Uint8Array(),
  stderr: new Uint8Array(),
  killedBy: 'stop',
  notes: ['It was stopped by the owner.'],
}

const refuse = (script: string): string | null => {
  if (script.includes('\0')) return 'a command cannot hold a NUL character'
  if (Buffer.byteLength(script) > SCRIPT_BYTES_MAX) return `a command is at most ${SCRIPT_BYTES_MAX} bytes long`
  return null
}

const leave = async ({ confined, group }: Member): Promise<void> => {
  await sendInput(confined, '')
  await Promise.all([keepHead(confined.stdout, 0), keepHead(confined.stderr, 0), confined.ended])
  ;(await group)?.remove()
}
