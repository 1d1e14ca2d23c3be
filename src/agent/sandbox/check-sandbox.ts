import { NodeError } from '../../utils/node-error.ts'
import type { BashPool } from './bash-pool.ts'
import { type SandboxHost, WORKSPACE_INSIDE } from './bubblewrap-arguments.ts'
import type { FileWorker } from './file-worker.ts'
import { sandboxUser } from './prepare-host.ts'
import type { SandboxCheck } from './sandbox.types.ts'

const TIMEOUT_MS = 15_000

/** Each line prints the name of a wall that is missing, so that silence is the proof. */
const LOOK_AROUND = `
grep -q '^Seccomp:[[:space:]]2$' /proc/self/status || echo 'system-call filter'
grep -q '^NoNewPrivs:[[:space:]]1$' /proc/self/status || echo 'no new privileges'
grep -q '^CapEff:[[:space:]]0*$' /proc/self/status || echo 'capabilities'
unshare --user true 2>/dev/null && echo 'new namespaces'
touch ${WORKSPACE_INSIDE}/.git 2>/dev/null && echo 'read-only .git'
test "$(tail -n +3 /proc/net/dev | wc -l)" -le 1 || echo 'network'
test -w / && echo 'read-only root'
test -e /etc/shadow && echo 'private /etc'
bun --version >/dev/null || echo 'bun'
rg --version >/dev/null || echo 'rg'
`

const NO_OTHER_PROCESSES = `
test "$(ls /proc | grep -c '^[0-9]')" -gt 16 && echo 'processes'
`

/** Uses both lanes as a tool call would and reports what the owner must know. Contract: does not reject. */
export const checkSandbox = async (
  open: () => Promise<{ readonly host: SandboxHost; readonly bash: BashPool; readonly files: FileWorker }>,
): Promise<SandboxCheck> => {
  try {
    const { host, bash, files } = await open()
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const look = `${LOOK_AROUND}${host.mode === 'full' ? NO_OTHER_PROCESSES : ''}exit 0`
    const looked = await bash.run(look, { timeoutMs: TIMEOUT_MS, signal })
    const gitFile = await files.run(
      { kind: 'read', path: `${WORKSPACE_INSIDE}/.git`, offset: null, limit: 1 },
      { signal },
    )
    const missing =
      looked.kind === 'ended'
        ? Buffer.from(looked.stdout).toString('utf8').trim().split('\n').join(', ')
        : looked.message
    if (looked.kind !== 'ended' || looked.exitCode !== 0 || missing !== '')
      return unavailable(`the sandbox is weaker than it must be: ${missing || 'the look around did not end'}`)
    if (gitFile.kind !== 'text') return unavailable('the file worker cannot read the workspace')
    return {
      available: true,
      mode: host.mode,
      bubblewrapVersion: readVersion(host),
      user: sandboxUser(host.drop?.to ?? null),
    }
  } catch (error) {
    if (error instanceof NodeError) return { available: false, reason: error.message, mend: error.hint ?? REPORT }
    throw error
  }
}

const REPORT = 'this should not happen on a supported host; please report it'
const unavailable = (reason: string): SandboxCheck => ({ available: false, reason, mend: REPORT })

const readVersion = ({ bubblewrapPath }: SandboxHost): string =>
  Bun.spawnSync([bubblewrapPath, '--version'], { env: {} })
    .stdout.toString()
    .trim()
    .replace(/^bubblewrap /, '')
