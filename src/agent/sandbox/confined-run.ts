import { NodeError } from '../../utils/node-error.ts'
import { limitedCommand, type SandboxHost } from './bubblewrap-arguments.ts'
import { whyNotExecuted } from './explain-failure.ts'
import { launchConfined, sendInput } from './launch-confined.ts'
import { requireGitDir } from './reachability.ts'
import type { ConfinedRequest, ConfinedResult } from './sandbox.types.ts'
import { supervise } from './supervise.ts'

/** The diff of a large turn is the longest answer that git gives; beyond this it would only fill memory. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/**
 * One program of the node's own in a fresh sandbox. An incomplete run is an error here, not a result: the node builds on
 * what git answers.
 * @throws {NodeError} SANDBOX_UNAVAILABLE, SANDBOX_FAILED
 */
export const runConfinedOn = async (
  host: SandboxHost,
  request: ConfinedRequest,
  signal: AbortSignal,
): Promise<ConfinedResult> => {
  requireGitDir(host)
  const confined = launchConfined(host, 'bash', {
    binds: request.binds,
    environment: request.environment,
    cwd: request.cwd,
    command: limitedCommand(request.argv, host.limits, { cpuLimited: false }), // the first commit of a large tree takes long
  })
  const supervised = supervise(confined, { timeoutMs: request.timeoutMs, outputBytesMax: OUTPUT_BYTES_MAX, signal })
  await sendInput(confined, request.stdin ?? '')
  const { exitCode, executed, stdout, stderr, truncated, killedBy } = await supervised
  if (!executed && killedBy === null) throw whyNotExecuted({ exitCode, stderr })
  if (killedBy !== null || truncated)
    throw new NodeError('SANDBOX_FAILED', `${request.argv[0]} was ended early: ${killedBy ?? 'output'}`, {
      hint: 'try again; if it stays so, the workspace may be too large for this machine',
    })
  return { exitCode, stdout, stderr }
}
