/**
 * Files that no commit holds can be changed by a command too, and rules may speak of them: `.env` is ignored in most
 * projects. What git ignores is listed when a turn begins and when it ends, and the stamps are compared. An ignored folder
 * counts as one: what is changed deep below it is not seen.
 */
import { stampFile } from './file-stamp.ts'
import { measureFile } from './large-files.ts'
import type { PendingChange } from './workspace.types.ts'

/** A .gitignore that names files one by one by the thousand: what is beyond is not compared. */
const PATHS_MAX = 5_000

/** Stamps of unseen files and folders, by path without a slash at the end. */
export type UnseenFiles = ReadonlyMap<string, string>

export const stampUnseen = async (worktree: string, paths: readonly string[]): Promise<UnseenFiles> => {
  const stamps = new Map<string, string>()
  for (const path of paths.slice(0, PATHS_MAX).map(withoutSlash)) {
    const stamp = await stampFile(worktree, path)
    if (stamp !== null) stamps.set(path, stamp)
  }
  return stamps
}

/** Whether a file was there, out of git's sight, when `before` was taken; true also when nobody knows. */
export const wasUnseen = (before: UnseenFiles | null, path: string): boolean =>
  before === null ||
  before.size >= PATHS_MAX ||
  path.split('/').some((_, depth, names) => before.has(names.slice(0, depth + 1).join('/')))

/** What has become of the unseen files since `before`. One that git sees by now is among its own changes. */
export const compareUnseen = async (
  worktree: string,
  before: UnseenFiles | null,
  paths: readonly string[],
): Promise<readonly PendingChange[]> => {
  if (before === null) return []
  const after = await stampUnseen(worktree, paths)
  const changes: PendingChange[] = []
  for (const [path, stamp] of after) {
    if (stamp === before.get(path)) continue
    const change = before.has(path) ? 'modified' : 'added'
    changes.push({ path, change, ignored: true, ...measureFile(worktree, Buffer.from(path)) })
  }
  for (const path of before.keys())
    if (!after.has(path) && (await stampFile(worktree, path)) === null)
      changes.push({ path, change: 'deleted', ignored: true, bytes: 0, executable: false })
  return changes
}

/** An ignored folder is listed as `cache/`. */
export const withoutSlash = (path: string): string => path.replace(/\/$/, '')
