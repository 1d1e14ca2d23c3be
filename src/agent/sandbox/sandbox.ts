/**
 * Layer 2: runs what the permission gate allowed, where it can touch nothing but the workspace.
 *
 * Two lanes. Bash gets a fresh sandbox per call, started ahead (`bash-pool.ts`); the file tools share one worker that never
 * runs anything of the workspace (`file-worker.ts`). The node's own git runs through `runConfined` under the same recipe.
 * Nothing starts before the first call or `warm()`. Where the recipe cannot be built, every call is refused with the reason
 * and what mends it; the one weaker mode is the owner's to ask for, and never taken by itself.
 */
import { NodeError } from '../../utils/node-error.ts'
import type { PermittedCall, Sandbox, SandboxOutcome } from '../agent.types.ts'
import { type BashPool, createBashPool } from './bash-pool.ts'
import type { SandboxHost } from './bubblewrap-arguments.ts'
import { type CallGroups, openCallGroups, ownGroupFolder } from './call-groups.ts'
import { checkSandbox } from './check-sandbox.ts'
import { type ConfinedPrograms, createConfinedPrograms } from './confined-programs.ts'
import { createFileWorker, type FileWorker } from './file-worker.ts'
import { prepareHost } from './prepare-host.ts'
import type { RunConfined, SandboxCheck, SandboxOptions } from './sandbox.types.ts'
import { type Sweeper, startSweeper } from './sweeper.ts'
import { isLong, keepWhole, tailOf } from './whole-output.ts'
import { restoreWorkspaceMode } from './workspace-mode.ts'
import { createWorkspaceUsage, describeFull, type WorkspaceUsage } from './workspace-usage.ts'

export type SandboxLanes = {
  readonly sandbox: Sandbox
  readonly runConfined: RunConfined
  /** Runs the real recipe once in each lane and looks around inside. Contract: does not reject. */
  readonly check: () => Promise<SandboxCheck>
  /** Begins what the first call would wait for. Contract: does not throw; a fault is met again, and told, by the first call. */
  readonly warm: () => void
  /** Ends every process of the layer, running calls included. */
  readonly close: () => Promise<void>
}

type Lanes = {
  readonly host: SandboxHost
  readonly bash: BashPool
  readonly files: FileWorker
  readonly programs: ConfinedPrograms
  readonly sweeper: Sweeper
  readonly usage: WorkspaceUsage
  readonly groups: CallGroups | null
}

/** Builds the layer; touches neither disk nor processes until it is used. */
export const createSandboxLanes = (options: SandboxOptions): SandboxLanes => {
  let lanes: Promise<Lanes> | null = null
  let closed = false

  const open = (): Promise<Lanes> => {
    if (closed) return Promise.reject(new NodeError('SANDBOX_FAILED', 'the sandbox is closed'))
    lanes ??= prepareLanes(options).catch((error: unknown) => {
      lanes = null // the next call looks again: the owner may have mended it
      throw error
    })
    return lanes.then((opened) => {
      restoreWorkspaceMode(opened.host) // a command that was cut off may have left it closed
      return opened
    })
  }

  const close = async () => {
    closed = true
    const opened = await lanes?.catch(() => null)
    await Promise.all([opened?.bash.close(), opened?.files.close(), opened?.programs.close()])
    opened?.groups?.close()
    await opened?.sweeper.close()
  }

  return {
    sandbox: {
      run: async (call, { signal }) => runCall(await open(), call, signal),
      close,
    },
    runConfined: async (request) => (await open()).programs.run(request),
    check: () => checkSandbox(open),
    warm: () => {
      void open()
        .then(({ bash, files }) => {
          bash.warm()
          files.warm()
        })
        .catch(() => {}) // told by the first call
    },
    close,
  }
}

const runCall = async (lanes: Lanes, call: PermittedCall, signal: AbortSignal): Promise<SandboxOutcome> => {
  const { host, files, usage } = lanes
  const { operation } = call
  if (operation.kind === 'bash') return runBash(lanes, call, signal)
  const writes = operation.kind === 'write' || operation.kind === 'edit'
  if (writes && (await usage.isFull())) return { kind: 'failed', message: describeFull(host.limits) }
  const answer = await files.run(operation, { signal })
  if (writes) usage.noteCall()
  return answer
}

const runBash = async (
  { host, bash, files, usage }: Lanes,
  { operation, decisionSeq }: PermittedCall,
  signal: AbortSignal,
): Promise<SandboxOutcome> => {
  if (operation.kind !== 'bash') throw new TypeError('not a command')
  const run = await bash.run(operation.command, { timeoutMs: operation.timeoutMs, signal })
  restoreWorkspaceMode(host) // before anyone else looks at the folder
  usage.noteCall()
  if (run.kind === 'failed') return run
  const { outputBytesMax, keptOutputBytesMax: bytesMax } = host.limits
  const wasEnded = run.killedBy !== null
  const keeping = { name: String(decisionSeq), bytesMax, wasEnded, signal }
  const kept = isLong(run) && !signal.aborted ? await keepWhole(files, run, keeping) : null
  return {
    kind: 'process',
    exitCode: run.exitCode,
    killedBy: run.killedBy,
    stdout: tailOf(run.stdout, outputBytesMax),
    stderr: tailOf(run.stderr, outputBytesMax),
    truncated: run.stdout.length > outputBytesMax || run.stderr.length > outputBytesMax,
    notes: kept === null ? run.notes : [...run.notes, kept],
  }
}

const prepareLanes = async (options: SandboxOptions): Promise<Lanes> => {
  const host = await prepareHost(options)
  const sweeper = startSweeper(host) // before anything that it may have to end
  const programs = createConfinedPrograms(host)
  const usage = createWorkspaceUsage(host.workspace, host.limits, programs.run)
  const folder = ownGroupFolder()
  const groups = folder === null ? null : openCallGroups({ path: folder }, host.limits)
  return {
    host,
    sweeper,
    programs,
    usage,
    groups,
    files: createFileWorker(host),
    bash: createBashPool({ host, groups, usage }),
  }
}
