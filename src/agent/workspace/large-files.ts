/**
 * Files that are too large for a commit. Git reads a file into memory to store and again to merge it, keeps each version
 * for ever, and writes none that is larger than what the sandbox lets one file be (sandbox/sandbox-limits.ts).
 */
import { lstatSync } from 'node:fs'

const MIB = 1024 * 1024
/** A file beyond it is in no commit. */
export const FILE_BYTES_MAX = 100 * MIB

/** The name of a file that is left out for its size, as the reply shows it. */
const nameLargeFile = (path: string, bytes: number): string =>
  `${path} (${Math.ceil(bytes / MIB)} MiB, over the limit of ${FILE_BYTES_MAX / MIB} MiB)`

/** Size and mode of a file of the worktree, following no link; nothing when it is gone. `path` may be any bytes. */
export const measureFile = (
  worktree: string,
  path: Uint8Array,
): { readonly bytes: number; readonly executable: boolean } => {
  const found = look(Buffer.concat([Buffer.from(`${worktree}/`), path]))
  if (!found) return { bytes: 0, executable: false }
  return { bytes: found.size, executable: found.isFile() && (found.mode & 0o111) !== 0 }
}

const look = (path: Buffer) => {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined // a file stands where its folder was
    throw error
  }
}

/** Enough to see which rule of a .gitignore swallows files. */
export const LEFT_OUT_PATHS_MAX = 20

/** What no commit holds, as the reply shows it: the large files by their sizes, then the others; no path twice. */
export const nameLeftOut = (large: ReadonlyMap<string, number>, others: readonly string[]): readonly string[] =>
  [
    ...[...large].map(([path, bytes]) => nameLargeFile(path, bytes)),
    ...others.filter((path) => !large.has(path)),
  ].slice(0, LEFT_OUT_PATHS_MAX)
