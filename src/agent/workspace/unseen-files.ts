/**
 * Files that no commit holds can be changed by a command too, and rules may speak of them: `.env` is ignored in most
 * projects, and so are whole folders. What git ignores is listed file by file when a turn begins and when it ends, and the
 * stamps are compared. Folders are opened breadth first up to a bound; one that does not fit counts as a single file, of
 * which only its own stamp is compared.
 */
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Change } from './change-list.ts'
import { isFolderStamp, stampFile } from './file-stamp.ts'
import { measureFile } from './large-files.ts'
import { OWN_FOLDERS } from './own-folders.ts'
import type { PendingChange } from './workspace.types.ts'

/** Stamping takes about 10 us for each file, twice a turn. What is beyond is not compared one by one. */
const PATHS_MAX = 5_000

/** What the sandbox itself keeps in its folder for long outputs: named by the number of a decision (whole-output.ts). */
const OWN_OUTPUT = /^\.plaited\/out\/\d+\.txt$/

type Found = { readonly path: string; readonly isFolder: boolean }

export type UnseenFiles = {
  /** Stamps of files, and of folders that count as one. */
  readonly stamps: ReadonlyMap<string, string>
  /** Folders whose files are listed. */
  readonly opened: ReadonlySet<string>
  /** Git named more than were listed, so that "not listed" says nothing. */
  readonly isCut: boolean
}

/** Lists and stamps what is at and below `paths` (folders may end in a slash), and in the folders of our own. */
export const stampUnseen = async (worktree: string, paths: readonly string[]): Promise<UnseenFiles> => {
  const roots = [...new Set([...paths, ...OWN_FOLDERS].map(withoutSlash))].filter(isBeneath)
  const waiting = await Promise.all(roots.slice(0, PATHS_MAX).map((path) => findRoot(worktree, path)))
  const opened = new Set<string>()
  const listed: string[] = []
  let room = PATHS_MAX - waiting.length
  // It grows while it is walked, which is what makes the walk breadth first.
  for (const { path, isFolder } of waiting) {
    const entries = isFolder && room > 0 ? await entriesIn(worktree, path, room) : null
    if (entries === null) listed.push(path)
    else {
      opened.add(path)
      waiting.push(...entries)
      room -= entries.length
    }
  }
  const stamped = await Promise.all(listed.map(async (path) => [path, await stampFile(worktree, path)] as const))
  const isForeign = (entry: readonly [string, string | null]): entry is readonly [string, string] =>
    entry[1] !== null && !OWN_OUTPUT.test(entry[0])
  return { stamps: new Map(stamped.filter(isForeign)), opened, isCut: roots.length > PATHS_MAX }
}

/** Whether a file was there, out of git's sight, when `before` was taken; true also when nobody knows. */
export const wasUnseen = (before: UnseenFiles | null, path: string): boolean =>
  before === null ||
  before.isCut ||
  before.opened.has(path) ||
  before.stamps.has(path) ||
  isInStampedFolder(before, path)

/** What has become of the unseen files since `before`, apart from those that git sees by now. */
export const compareUnseen = async (
  worktree: string,
  before: UnseenFiles | null,
  { unseen, isSeen }: { readonly unseen: readonly string[]; readonly isSeen: (path: string) => boolean },
): Promise<readonly PendingChange[]> => {
  if (before === null) return []
  const after = await stampUnseen(worktree, unseen)
  const changes: PendingChange[] = []
  const note = (path: string, change: Change['change']): void => {
    if (!isSeen(path)) changes.push({ path, change, ignored: true, ...measureFile(worktree, Buffer.from(path)) })
  }
  for (const [path, stamp] of before.stamps) {
    const now = after.stamps.get(path) ?? (await stampFile(worktree, path))
    if (now !== stamp) note(path, now === null ? 'deleted' : 'modified')
  }
  // A folder that no longer fits, or fits only now: its files cannot be told apart, so it is one change, or was noted above.
  for (const path of after.stamps.keys())
    if (before.opened.has(path)) note(path, 'modified')
    else if (!hasStampAbove(before, path)) note(path, 'added')
  return changes
}

/** The file itself, or a folder above it that counts as one. */
const hasStampAbove = ({ stamps }: UnseenFiles, path: string): boolean =>
  path.split('/').some((_, depth, names) => stamps.has(names.slice(0, depth + 1).join('/')))

/** A file that gave way to a folder does not cover what is in that. */
const isInStampedFolder = ({ stamps }: UnseenFiles, path: string): boolean =>
  path.split('/').some((_, depth, names) => isFolderStamp(stamps.get(names.slice(0, depth).join('/')) ?? ''))

/** An ignored folder is listed as `cache/`. */
const withoutSlash = (path: string): string => path.replace(/\/$/, '')

/** Paths come from a program that read what the agent made. */
const isBeneath = (path: string): boolean =>
  path !== '' && path.split('/').every((name) => !['', '.', '..'].includes(name))

/** What is in a folder; null when it cannot be read, or holds more than there is room for. */
const entriesIn = async (worktree: string, folder: string, room: number): Promise<readonly Found[] | null> => {
  const entries = await orNull(readdir(join(worktree, folder), { withFileTypes: true }))
  if (entries === null || entries.length > room) return null
  return entries.map((entry) => ({ path: `${folder}/${entry.name}`, isFolder: entry.isDirectory() }))
}

/** A link to a folder is no folder. */
const findRoot = async (worktree: string, path: string): Promise<Found> => {
  const found = await orNull(lstat(join(worktree, path)))
  return { path, isFolder: found?.isDirectory() === true }
}

/** What the system refuses: it went away, or it cannot be read. */
const orNull = <T>(asked: Promise<T>): Promise<T | null> =>
  asked.catch((error: unknown) => {
    if (error instanceof Error && 'code' in error) return null
    throw error
  })
