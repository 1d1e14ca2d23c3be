/**
 * How an engine's program meets the git dir: inside the sandbox, with the git dir read-only unless it writes. Of the git
 * dir, config, hooks and info stay read-only even then: whatever a program is made to do by a hostile worktree, it cannot
 * leave a program behind for the git that the owner runs outside of the sandbox.
 */
import { lstatSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { onDisk } from '../../utils/disk-fault.ts'
import { escapeUnsafeCharacters } from '../../utils/escape-unsafe-characters.ts'
import { NodeError } from '../../utils/node-error.ts'
import { quoteShell } from '../../utils/quote-shell.ts'
import type { Bind, ConfinedRequest, ConfinedResult, RunConfined } from '../sandbox/sandbox.types.ts'
import { GUARDED_PARTS, requireUnredirected } from './git-dir-guard.ts'
import { GIT_DIR_INSIDE } from './git-environment.ts'

/** A first commit of 100,000 files takes seconds; beyond two minutes something hangs. */
const TIMEOUT_MS = 120_000
/** A shell adds the signal that killed its command; git's own `fatal:` is this number itself. */
const EXIT_SIGNAL_BASE = 128

/** What a killed program of ours can leave. */
const LOCKS = ['index.lock', 'HEAD.lock', 'ORIG_HEAD.lock', 'refs/heads/main.lock']

export type RunOnGitDir = (
  request: Omit<ConfinedRequest, 'timeoutMs'> & {
    /** false: the git dir is read-only for this run. */
    readonly writes: boolean
  },
) => Promise<ConfinedResult>

/** Exists while a program of ours may write: only what was locked since then can be a lock of ours. */
const markerOf = (gitDir: string): string => `${gitDir}.busy`

/**
 * Removes locks left by a program of ours that was killed, and never one that the owner's git held before or holds while
 * none of ours runs. Only for when none of ours runs any more: at start, and after a run that was killed. What it cannot
 * tell apart is a lock that the owner's git took between a crash of the node and its next start.
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

/** Contract: rejects with WORKSPACE_UNUSABLE when the git dir leads elsewhere, or with what `run` rejects with. */
export const createRunOnGitDir = ({
  gitDir,
  run,
}: {
  readonly gitDir: string
  readonly run: RunConfined
}): RunOnGitDir => {
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
  return async ({ writes, binds, ...request }) => {
    await requireUnredirected(gitDir)
    if (writes) onDisk(gitDir, () => writeFileSync(markerOf(gitDir), '', { mode: 0o600 }))
    const result = await run({ ...request, binds: [...bindsOf(writes), ...binds], timeoutMs: TIMEOUT_MS }).catch(
      async (error: unknown) => {
        await removeOwnLocks(gitDir)
        throw error
      },
    )
    if (result.exitCode > EXIT_SIGNAL_BASE) await removeOwnLocks(gitDir)
    else if (writes) await rm(markerOf(gitDir), { force: true })
    return result
  }
}

/** What a program says on stderr, fit for a message. */
export const readStderr = ({ stderr }: ConfinedResult): string =>
  escapeUnsafeCharacters(new TextDecoder().decode(stderr).trim())

/** The owner's git holds its lock for longer than it is waited for. */
export const lockedError = (gitDir: string): NodeError =>
  new NodeError('GIT_FAILED', 'another git is working in the workspace', {
    hint: `finish it and try again; if none runs: rm ${quoteShell(join(gitDir, 'index.lock'))}`,
  })
