/**
 * A sandbox for one script. Pid 1 is a bash that has set its limits and waits on stdin, for `<bytes>\n<script>` (`read -N`
 * takes blocks; a delimiter would be looked for byte by byte). It runs the script in a subshell and stays a plain reaper.
 * When it ends, the kernel ends every process of its namespace, so nothing of a call is left for the next one.
 */
import { limitsScript, type SandboxHost, shellCommand, WORKSPACE_INSIDE } from './bubblewrap-arguments.ts'
import type { CallGroup, CallGroups } from './call-groups.ts'
import { explainEnd, type KilledBy } from './explain-end.ts'
import { whyNotExecuted } from './explain-failure.ts'
import { type ConfinedProcess, launchConfined, sendInput } from './launch-confined.ts'
import { requireGitDir } from './reachability.ts'
import { keepHead, supervise } from './supervise.ts'
import { startWatchdog } from './watchdog.ts'
import type { WorkspaceUsage } from './workspace-usage.ts'

/** Beyond this many times the answered output a command is not talkative but a flood. */
const FLOOD_FACTOR = 4

const WAIT_FOR_SCRIPT = [
  'LC_ALL=C', // lengths are bytes
  'IFS= read -r length && IFS= read -r -N "$length" script || exit 125',
  'unset -v LC_ALL length',
  'exec </dev/null',
  '( eval "unset -v script; $script" )', // on one line, so that line numbers in messages are the script's
  'exit $?', // without it bash would replace itself by the subshell
].join('; ')

/** How a script ended, with all that it printed. */
export type ScriptEnd = {
  /** null when it was killed. */
  readonly exitCode: number | null
  readonly killedBy: KilledBy
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  /** Which limit it met, and what to do instead. */
  readonly notes: readonly string[]
}

export type BashHost = {
  readonly host: SandboxHost
  /** null where the host has no control groups to give. */
  readonly groups: CallGroups | null
  readonly usage: Pick<WorkspaceUsage, 'room'>
}

export type WaitingBash = {
  readonly isRunning: () => boolean
  /**
   * Gives it its one script.
   * @throws {NodeError} SANDBOX_UNAVAILABLE when nothing was run because the sandbox could not be built; SANDBOX_FAILED.
   */
  readonly run: (
    script: string,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ) => Promise<ScriptEnd>
  /** Ends it unused. End of input lets it leave by itself, also while it is still being set up. */
  readonly leave: () => Promise<void>
}

/** @throws {NodeError} SANDBOX_UNAVAILABLE, SANDBOX_FAILED. */
export const startBash = (bashHost: BashHost): WaitingBash => {
  const { host, groups } = bashHost
  requireGitDir(host)
  const confined = launchConfined(host, 'bash', {
    binds: [],
    environment: {},
    cwd: WORKSPACE_INSIDE,
    command: shellCommand(`${limitsScript(host, { cpuLimited: true })}; ${WAIT_FOR_SCRIPT}`),
  })
  // It has no children before it has a script, so all of the call will be in the group.
  const group = groups === null ? null : confined.innerPid.then((pid) => (pid === null ? null : groups.hold(pid)))
  return {
    isRunning: confined.isRunning,
    run: (script, options) => runScript(bashHost, { confined, group }, script, options),
    leave: async () => {
      await sendInput(confined, '')
      await Promise.all([keepHead(confined.stdout, 0), keepHead(confined.stderr, 0), confined.ended])
      ;(await group)?.remove()
    },
  }
}

const runScript = async (
  { host: { limits, workspace }, usage }: BashHost,
  { confined, group }: { readonly confined: ConfinedProcess; readonly group: Promise<CallGroup | null> | null },
  script: string,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ScriptEnd> => {
  const supervised = supervise(confined, {
    timeoutMs,
    outputBytesMax: FLOOD_FACTOR * limits.outputBytesMax,
    signal,
    watch: (pid, onBreach) => startWatchdog({ pid, workspace, limits, room: usage.room(), onBreach }),
  })
  const held = group === null ? null : await group // not even a turn of the loop where there are none
  const sent = sendInput(confined, `${Buffer.byteLength(script)}\n${script}`)
  const [{ executed, ...run }] = await Promise.all([supervised, sent])
  const { outOfMemory, outOfProcesses } = held?.events() ?? NOTHING_REFUSED
  held?.remove()
  const killedBy = run.killedBy ?? (outOfMemory ? 'memory' : null)
  if (!executed && killedBy === null) throw whyNotExecuted(run)
  const end = { ...run, killedBy, exitCode: killedBy === null ? run.exitCode : null }
  return { ...end, notes: explainEnd({ ...end, timeoutMs, outOfProcesses }, limits) }
}

const NOTHING_REFUSED = { outOfMemory: false, outOfProcesses: false }
