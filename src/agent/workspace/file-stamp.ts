/**
 * Whether a file was touched since. A stamp is what the kernel keeps of a file and no program of the sandbox can set: its
 * number, and the time at which anything of it last changed. So "the same stamp" means "the same content", without
 * reading any. Two changes within one tick of the clock (4 ms; none since Linux 6.13) could look like one.
 */
import { lstat } from 'node:fs/promises'

const TYPE = 0o170000
const FOLDER = 0o040000

/** The stamp of a file, folder or link of the worktree, null when there is none. `path` may be any bytes. */
export const stampFile = async (worktree: string, path: string | Uint8Array): Promise<string | null> => {
  const place = Buffer.concat([Buffer.from(`${worktree}/`), Buffer.from(path)])
  const found = await lstat(place, { bigint: true }).catch((error: unknown) => {
    // A name that is too long, or below a file, is none.
    if (error instanceof Error && 'code' in error) return null
    throw error
  })
  return found === null ? null : `${found.dev}:${found.ino}:${found.ctimeNs}:${found.size}:${found.mode}`
}

/** Whether it was a folder that had this stamp. */
export const isFolderStamp = (stamp: string): boolean =>
  (Number(stamp.slice(stamp.lastIndexOf(':') + 1)) & TYPE) === FOLDER
