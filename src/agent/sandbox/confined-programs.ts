/**
 * The lane of the node's own programs (git on the worktree): a fresh sandbox per run, not started ahead, because each has
 * binds of its own. An incomplete run is an error here, not a result: the node builds on what git answers.
 */
import { NodeError } from '../../utils/node-error.ts'
import { limitedCommand, type SandboxHost } from './bubblewrap-arguments.ts'
import { whyNotExecuted } from './explain-failure.ts'
import { launchConfined, sendInput } from './launch-confined.ts'
import { requireGitDir } from './reachability.ts'
import type { ConfinedRequest, ConfinedResult, RunConfined } from './sandbox.types.ts'
import { supervise } from './supervise.ts'

/** The diff of a large turn is the longest answer that git gives; beyond this it would only fill memory. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

export type ConfinedPrograms = {
  readonly run: RunConfined
  /** Kills running programs and waits for their end. */
  readonly close: () => Promise<void>
}

/** Contract of `run`: rejects with `NodeError` SANDBOX_UNAVAILABLE or SANDBOX_FAILED. */
export const createConfinedPrograms = (host: SandboxHost): ConfinedPrograms => {
  const closing = new AbortController()
  const running = new Set<Promise<unknown>>()
  return {
    run: async (request) => {
      if (closing.signal.aborted) throw new NodeError('SANDBOX_FAILED', 'the sandbox is closed')
      const result = runOne(host, request, closing.signal)
      const settled = result.catch(() => {})
      running.add(settled)
      try {
        return await result
      } finally {
        running.delete(settled)
      }
    },
    close: async () => {
      closing.abort()
      await Promise.all(running)
    },
  }
}

const runOne = async (host: SandboxHost, request: ConfinedRequest, signal: AbortSignal): Promise<ConfinedResult> => {
  requireGitDir(host)
  const confined = launchConfined(host, 'bash', {
    binds: request.binds,
    environment: request.environment,
    cwd: request.cwd,
    command: limitedCommand(request.argv, host, { cpuLimited: false }), // a large tree's first commit takes long
  })
  const supervised = supervise(confined, { timeoutMs: request.timeoutMs, outputBytesMax: OUTPUT_BYTES_MAX, signal })
  const sent = sendInput(confined, request.stdin ?? '')
  const [{ exitCode, executed, stdout, stderr, killedBy }] = await Promise.all([supervised, sent])
  if (!executed && killedBy === null) throw whyNotExecuted({ exitCode, stderr })
  if (killedBy !== null)
    throw new NodeError('SANDBOX_FAILED', `${request.argv[0]} was ended early: ${killedBy}`, {
      hint: 'try again; if it stays so, the workspace may be too large for this machine',
    })
  return { exitCode, stdout, stderr }
}
