/**
 * Runs git, always inside the sandbox. One operation is one shell script of several git commands, because starting a
 * sandbox costs as much as several gits. Scripts are constants: data reaches them as arguments or on stdin only.
 *
 * Of the git dir, config, hooks and info stay read-only even for a script that writes: whatever git is made to do by a
 * hostile worktree, it cannot leave a program behind for the git that the owner runs outside of the sandbox.
 */
import { lstatSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../utils/clock.ts'
import { onDisk } from '../../utils/disk-fault.ts'
import { escapeUnsafeCharacters } from '../../utils/escape-unsafe-characters.ts'
import { NodeError } from '../../utils/node-error.ts'
import { quoteShell } from '../../utils/quote-shell.ts'
import type { Bind, RunConfined } from '../sandbox/sandbox.types.ts'
import { GUARDED_PARTS, requireUnredirected } from './git-dir-guard.ts'
import { AGENT, GIT_DIR_INSIDE, gitEnvironment, type Identity, WORKTREE_INSIDE } from './git-environment.ts'

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

/** A first commit of 100,000 files takes seconds; beyond two minutes something hangs. */
const GIT_TIMEOUT_MS = 120_000
const STDERR_SHOWN_CHARS_MAX = 2_000
const EXIT_NOT_FOUND = 127
const EXIT_LOCKED = 90
/** A shell adds the signal that killed its command; git's own `fatal:` is this number itself. */
const EXIT_SIGNAL_BASE = 128

/** What a killed git of ours can leave. */
const LOCKS = ['index.lock', 'HEAD.lock', 'refs/heads/main.lock']

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

/** Exists while a git of ours may write: only what was locked since then can be a lock of ours. */
const markerOf = (gitDir: string): string => `${gitDir}.busy`

/**
 * Removes locks left by a git of ours that was killed, and never one that the owner's git held before or holds while none
 * of ours runs. Only for when no git of ours runs any more: at start, and after a run that was killed. What it cannot tell
 * apart is a lock that the owner's git took between a crash of the node and its next start.
 */
export const removeOwnLocks = async (gitDir: string): Promise<void> => {
  const marker = statSync(markerOf(gitDir), { throwIfNoEntry: false })
  if (marker === undefined) return
  for (const lock of LOCKS.map((name) => join(gitDir, name))) {
    const found = lstatSync(lock, { throwIfNoEntry: false })
    if (found && found.mtimeMs >= marker.mtimeMs) await rm(lock, { force: true })
  }
  await rm(markerOf(gitDir), { force: true })
}

/** @throws {NodeError} GIT_MISSING, GIT_FAILED, or what `run` rejects with. */
export const createGitRunner = (options: {
  readonly gitDir: string
  readonly run: RunConfined
  readonly clock: Clock
  readonly sharedGroup: number | null
}): RunGit => {
  const { gitDir, run, clock, sharedGroup } = options
  const bindsOf = (writable: boolean): readonly Bind[] => [
    { source: gitDir, target: GIT_DIR_INSIDE, writable },
    ...(writable
      ? GUARDED_PARTS.map((part) => ({
          source: join(gitDir, part),
          target: `${GIT_DIR_INSIDE}/${part}`,
          writable: false,
        }))
      : []),
  ]
  return async ({ script, arguments: values, stdin, author, writes, accepts }) => {
    await requireUnredirected(gitDir)
    const whole = PRELUDE + (writes ? WAIT_FOR_LOCK : '') + script
    if (writes) onDisk(gitDir, () => writeFileSync(markerOf(gitDir), '', { mode: 0o600 }))
    const result = await run({
      argv: ['/bin/sh', '-c', whole, 'plaited-git', sharedGroup === null ? '022' : '002', ...values],
      binds: bindsOf(writes),
      environment: gitEnvironment(author, clock.now()),
      stdin,
      cwd: WORKTREE_INSIDE,
      timeoutMs: GIT_TIMEOUT_MS,
    }).catch(async (error: unknown) => {
      await removeOwnLocks(gitDir)
      throw error
    })
    if (result.exitCode > EXIT_SIGNAL_BASE) await removeOwnLocks(gitDir)
    else if (writes) await rm(markerOf(gitDir), { force: true })
    const stderr = escapeUnsafeCharacters(new TextDecoder().decode(result.stderr).trim())
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
  if (exitCode === EXIT_LOCKED)
    return new NodeError('GIT_FAILED', 'another git is working in the workspace', {
      hint: `finish it and try again; if none runs: rm ${quoteShell(join(gitDir, 'index.lock'))}`,
    })
  return new NodeError('GIT_FAILED', `git exited with ${exitCode}: ${stderr.slice(-STDERR_SHOWN_CHARS_MAX)}`, {
    hint: `look at the repository: git --git-dir=${quoteShell(gitDir)} fsck`,
  })
}
