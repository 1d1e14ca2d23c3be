import { lstatSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { NodeError } from '../../utils/node-error.ts'
import type { SandboxHost } from './bubblewrap-arguments.ts'
import type { SandboxUser } from './sandbox.types.ts'

/** Bits of one rwx triplet. */
export const READ = 4
const WRITE = 2
export const SEARCH = 1

/**
 * The first path on the way to `path` that `user` may not pass, or null when it can be used with the rights `needed`.
 * Reads the mode bits only: the node is root when it asks, so trying would always succeed. Access lists are not looked at.
 * @throws {Error} with code ENOENT when the path does not exist.
 */
export const firstUnreachable = (path: string, user: SandboxUser, needed: number): string | null => {
  const target = realpathSync(path)
  for (const folder of foldersAbove(target)) if (!grants(folder, user, SEARCH)) return folder
  return grants(target, user, needed) ? null : target
}

const foldersAbove = (path: string): string[] => {
  const parent = dirname(path)
  return parent === path ? [] : [...foldersAbove(parent), parent]
}

const grants = (path: string, user: SandboxUser, needed: number): boolean => {
  const { mode, uid, gid } = statSync(path)
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0
  return ((mode >> shift) & needed) === needed
}

/** Runs checks of `path`; one that the system does not answer is a refusal with `code` that names it. */
const orUnreachable = <T>(path: string, code: 'SANDBOX_UNAVAILABLE' | 'WORKSPACE_UNUSABLE', check: () => T): T => {
  try {
    return check()
  } catch (cause) {
    if (cause instanceof NodeError) throw cause
    throw new NodeError(code, `cannot look at ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      hint: `every folder on the way must be open to this user: namei -l ${path}`,
      cause,
    })
  }
}

/** @throws {NodeError} WORKSPACE_UNUSABLE when it is no folder, or one that the sandbox's user cannot work in. */
export const requireWorkspace = (workspace: string, user: SandboxUser | null): void =>
  orUnreachable(workspace, 'WORKSPACE_UNUSABLE', () => checkWorkspace(workspace, user))

const checkWorkspace = (workspace: string, user: SandboxUser | null): void => {
  if (!statSync(workspace, { throwIfNoEntry: false })?.isDirectory())
    throw new NodeError('WORKSPACE_UNUSABLE', `the workspace ${workspace} is not a folder`, {
      hint: `mkdir -p ${workspace}`,
    })
  const blocked = user === null ? null : firstUnreachable(workspace, user, READ | WRITE | SEARCH)
  if (user === null || blocked === null) return
  throw new NodeError('WORKSPACE_UNUSABLE', `the sandbox's user ${user.uid}:${user.gid} cannot use ${workspace}`, {
    hint: `${mendOf(blocked, user, blocked === realpathSync(workspace) ? 'rwx' : 'x')}; or choose another home with --home`,
  })
}

/** @throws {NodeError} SANDBOX_UNAVAILABLE when the sandbox's user cannot read the folder. */
export const requireReadable = (folder: string, user: SandboxUser | null): void =>
  orUnreachable(folder, 'SANDBOX_UNAVAILABLE', () => checkReadable(folder, user))

const checkReadable = (folder: string, user: SandboxUser | null): void => {
  const blocked = user === null ? null : firstUnreachable(folder, user, READ | SEARCH)
  if (user === null || blocked === null) return
  throw new NodeError('SANDBOX_UNAVAILABLE', `the sandbox's user ${user.uid}:${user.gid} cannot reach ${folder}`, {
    hint: mendOf(blocked, user, blocked === realpathSync(folder) ? 'rx' : 'x'),
  })
}

const mendOf = (path: string, { gid }: SandboxUser, rights: string): string =>
  `chgrp ${gid} ${path} && chmod g+${rights} ${path}`

/**
 * Throws while the worktree's `.git` file or the git dir is missing: bound read-only over the workspace, they keep commands
 * from planting a repository that would run code outside. A link could point anywhere, so it counts as missing.
 * @throws {NodeError} SANDBOX_UNAVAILABLE
 */
export const requireGitDir = ({
  workspace,
  gitDir,
  drop,
}: Pick<SandboxHost, 'workspace' | 'gitDir' | 'drop'>): void => {
  const gitFile = `${workspace}/.git`
  const found = (path: string) =>
    orUnreachable(path, 'SANDBOX_UNAVAILABLE', () => lstatSync(path, { throwIfNoEntry: false }))
  const missing = !found(gitFile)?.isFile() ? gitFile : !found(gitDir)?.isDirectory() ? gitDir : null
  if (missing !== null)
    throw new NodeError('SANDBOX_UNAVAILABLE', `the workspace has no git repository: ${missing} is missing`, {
      hint: "run 'plaited doctor --fix', which makes it again",
    })
  requireReadable(gitDir, drop?.to ?? null)
}
