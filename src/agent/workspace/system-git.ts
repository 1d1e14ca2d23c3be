import type { Clock } from '../../utils/clock.ts'
import type { RunConfined } from '../sandbox/sandbox.types.ts'
import { restoreFile, takeBackCommit } from './apply-tree.ts'
import { removeOwnLocks } from './confined-run.ts'
import { readDiff } from './diff.ts'
import type { GitEngine } from './engine.types.ts'
import { createGitRunner } from './git-runner.ts'
import { readHistory } from './history.ts'
import { lookAtWorktree } from './look-worktree.ts'
import { makeRoom } from './put-back.ts'
import { surveyWorktree } from './survey-worktree.ts'

/** The git of the machine, always inside the sandbox (git-runner.ts). */
export const createSystemGit = (options: {
  readonly worktree: string
  /** Absolute, and out of reach of every tool. */
  readonly gitDir: string
  readonly run: RunConfined
  readonly clock: Clock
  /** Group of the sandbox's uid when that differs from the caller's, otherwise null. */
  readonly sharedGroup: number | null
}): GitEngine => {
  const { worktree, gitDir, run } = options
  const git = createGitRunner(options)
  return {
    name: 'git',
    recover: () => removeOwnLocks(gitDir),
    ...readHistory(git),
    look: (request) => lookAtWorktree({ git, worktree }, request),
    survey: (before) => surveyWorktree(run, before),
    makeRoom: (paths, before) => makeRoom(run, paths, before),
    takeBack: (request) => takeBackCommit(git, request),
    restore: (request) => restoreFile(git, request),
    diff: (shas) => readDiff(git, shas),
  }
}
