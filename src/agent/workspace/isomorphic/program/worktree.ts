/**
 * File access that cannot leave the worktree. A folder is opened part by part, never through a link, and everything in it
 * is reached through the opened folder (`/proc/self/fd/N/name`), as openat does: so what the agent puts in the place of a
 * folder meanwhile changes nothing, and a path may be as long as the system allows. openat2 would do it in one call; the
 * sandbox hides it from programs (seccomp-filter.ts).
 */
import fs, { type BigIntStats, constants } from 'node:fs'
import { folderOf, nameOf } from './paths.ts'
import { hasCode } from './system-error.ts'
import { MODE } from './trees.ts'

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** A FIFO in the place of a file must not hold the program up. */
const READ_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

export type Worktree = {
  /** Runs `use` with a way to name what is in the folder. @throws what the system answers, such as ENOENT or ENOTDIR. */
  readonly inFolder: <T>(folder: string, use: (at: (name: string) => Buffer) => T | Promise<T>) => Promise<T>
  /** The same with the place of `path` itself. */
  readonly inParent: <T>(path: string, use: (place: Buffer) => T | Promise<T>) => Promise<T>
}

export const openWorktree = (root: string): Worktree => {
  const rootFolder = fs.openSync(root, FOLDER & ~constants.O_NOFOLLOW)
  const at = (folder: number) => (name: string) => Buffer.from(`/proc/self/fd/${folder}/${name}`, 'latin1')
  const inFolder: Worktree['inFolder'] = async (folder, use) => {
    let opened = rootFolder
    try {
      for (const part of folder === '' ? [] : folder.split('/')) {
        const next = fs.openSync(at(opened)(part), FOLDER)
        if (opened !== rootFolder) fs.closeSync(opened)
        opened = next
      }
      return await use(at(opened))
    } finally {
      if (opened !== rootFolder) fs.closeSync(opened)
    }
  }
  return { inFolder, inParent: (path, use) => inFolder(folderOf(path), (place) => use(place(nameOf(path)))) }
}

export const namesIn = (at: (name: string) => Buffer): readonly string[] =>
  fs.readdirSync(at('.'), { encoding: 'buffer' }).map((name) => name.toString('latin1'))

/** What is at a place, null when nothing is. A link is looked at, not followed. */
export const look = (place: Buffer): BigIntStats | null => {
  try {
    return fs.lstatSync(place, { bigint: true })
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
}

/** The mode that git gives it; null for what git does not store (a folder, a FIFO, a device). */
export const modeOf = (status: BigIntStats): number | null => {
  if (status.isSymbolicLink()) return MODE.link
  if (!status.isFile()) return null
  return status.mode & 0o100n ? MODE.program : MODE.file
}

/** Bytes of a file, or where a link points to. */
export const readContent = (place: Buffer, mode: number): Uint8Array => {
  if (mode === MODE.link) return fs.readlinkSync(place, { encoding: 'buffer' })
  const file = fs.openSync(place, READ_FILE)
  try {
    return fs.readFileSync(file)
  } finally {
    fs.closeSync(file)
  }
}

/** Makes a new file or link; never replaces one. What was begun and failed is removed again. */
export const createContent = (
  place: Buffer,
  {
    mode,
    content,
    permissions = 0o777,
  }: { readonly mode: number; readonly content: Uint8Array; readonly permissions: number | undefined },
): void => {
  if (mode === MODE.link) {
    fs.symlinkSync(Buffer.from(content), place)
    return
  }
  const file = fs.openSync(place, NEW_FILE, permissions & (mode === MODE.program ? 0o777 : 0o666))
  try {
    fs.writeFileSync(file, content)
  } catch (error) {
    fs.unlinkSync(place)
    throw error
  } finally {
    fs.closeSync(file)
  }
}
