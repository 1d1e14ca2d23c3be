/**
 * Runs git, always inside the sandbox (confined-run.ts). One operation is one shell script of several git commands,
 * because starting a sandbox costs as much as several gits. Scripts are constants: data reaches them as arguments or on
 * stdin only.
 */
import type { Clock } from '../../utils/clock.ts'
import { NodeError } from '../../utils/node-error.ts'
import { quoteShell } from '../../utils/quote-shell.ts'
import type { RunConfined } from '../sandbox/sandbox.types.ts'
import { createRunOnGitDir, lockedError, readStderr } from './confined-run.ts'
import { AGENT, gitEnvironment, type Identity, WORKTREE_INSIDE } from './git-environment.ts'

export type GitScript = {
  readonly script: string
  /** `$1`, `$2`, ... of the script. */
  readonly arguments: readonly string[]
  readonly stdin: string | Uint8Array | null
  readonly author: Identity
  /** false: the git dir is read-only for this run. */
  readonly writes: boolean
  /** Exit codes besides 0 that the caller understands. */
  readonly accepts: readonly number[]
}

export type RunGit = (
  script: GitScript,
) => Promise<{ readonly exitCode: number; readonly stdout: Uint8Array; readonly stderr: string }>

const STDERR_SHOWN_CHARS_MAX = 2_000
const EXIT_NOT_FOUND = 127
const EXIT_LOCKED = 90

const PRELUDE = `set -eu
umask "$1"
shift
command -v git >/dev/null || exit ${EXIT_NOT_FOUND}
`
// The owner's editor takes the index lock for moments at a time: 2 s of patience (20 x 0.1 s) before giving up.
const WAIT_FOR_LOCK = `tries=0
while [ -e "$GIT_DIR/index.lock" ]; do
  tries=$((tries + 1))
  [ "$tries" -le 20 ] || exit ${EXIT_LOCKED}
  sleep 0.1
done
`

/** @throws {NodeError} GIT_MISSING, GIT_FAILED, or what `run` rejects with. */
export const createGitRunner = (options: {
  readonly gitDir: string
  readonly run: RunConfined
  readonly clock: Clock
  readonly sharedGroup: number | null
}): RunGit => {
  const { gitDir, clock, sharedGroup } = options
  const runOnGitDir = createRunOnGitDir(options)
  return async ({ script, arguments: values, stdin, author, writes, accepts }) => {
    const whole = PRELUDE + (writes ? WAIT_FOR_LOCK : '') + script
    const result = await runOnGitDir({
      argv: ['/bin/sh', '-c', whole, 'plaited-git', sharedGroup === null ? '022' : '002', ...values],
      binds: [],
      environment: gitEnvironment(author, clock.now()),
      stdin,
      cwd: WORKTREE_INSIDE,
      writes,
    })
    const stderr = readStderr(result)
    if (result.exitCode !== 0 && !accepts.includes(result.exitCode)) throw toNodeError(gitDir, result.exitCode, stderr)
    return { exitCode: result.exitCode, stdout: result.stdout, stderr }
  }
}

/** What the commands that only read have in common. */
export const READING = { stdin: null, author: AGENT, writes: false, accepts: [] } as const

const toNodeError = (gitDir: string, exitCode: number, stderr: string): NodeError => {
  if (exitCode === EXIT_NOT_FOUND)
    return new NodeError('GIT_MISSING', 'git is not installed where the sandbox looks for it', {
      hint: 'install git, for example: apt-get install git',
    })
  if (exitCode === EXIT_LOCKED) return lockedError(gitDir)
  return new NodeError('GIT_FAILED', `git exited with ${exitCode}: ${stderr.slice(-STDERR_SHOWN_CHARS_MAX)}`, {
    hint: `look at the repository: git --git-dir=${quoteShell(gitDir)} fsck`,
  })
}
