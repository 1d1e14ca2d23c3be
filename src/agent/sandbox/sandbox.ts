/**
 * Layer 2: runs what the permission gate allowed, where it can touch nothing but the workspace.
 *
 * Two lanes. Bash gets a fresh sandbox per call, started ahead (`bash-pool.ts`); the file tools share one worker that never
 * runs anything of the workspace (`file-worker.ts`). The node's own git runs through `runConfined` under the same recipe.
 * Nothing starts before the first call or `warm()`. There is no weaker mode: where the recipe cannot be built, every call
 * is refused with the reason and what mends it.
 */
import { NodeError } from '../../utils/node-error.ts'
import type { Sandbox } from '../agent.types.ts'
import { type BashPool, createBashPool } from './bash-pool.ts'
import type { SandboxHost } from './bubblewrap-arguments.ts'
import { checkSandbox } from './check-sandbox.ts'
import { type ConfinedPrograms, createConfinedPrograms } from './confined-programs.ts'
import { createFileWorker, type FileWorker } from './file-worker.ts'
import { prepareHost } from './prepare-host.ts'
import type { RunConfined, SandboxCheck, SandboxOptions } from './sandbox.types.ts'
import { restoreWorkspaceMode } from './workspace-mode.ts'

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
  }

  return {
    sandbox: {
      run: async ({ operation }, { signal }) => {
        const { host, bash, files } = await open()
        if (operation.kind !== 'bash') return files.run(operation, { signal })
        const outcome = await bash.run(operation.command, { timeoutMs: operation.timeoutMs, signal })
        restoreWorkspaceMode(host) // before anyone else looks at the folder
        return outcome
      },
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

const prepareLanes = async (options: SandboxOptions): Promise<Lanes> => {
  const host = await prepareHost(options)
  return {
    host,
    bash: createBashPool(host),
    files: createFileWorker(host),
    programs: createConfinedPrograms(host),
  }
}
