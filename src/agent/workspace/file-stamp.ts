/**
 * Whether a file was touched since. A stamp is what the kernel keeps of a file and no program of the sandbox can set: its
 * number, and the time at which anything of it last changed. So "the same stamp" means "the same content", without
 * reading any. Two changes within one tick of the clock (4 ms; none since Linux 6.13) could look like one.
 */
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'

/** The stamp of a file, folder or link of the worktree, null when there is none. */
export const stampFile = async (worktree: string, path: string): Promise<string | null> => {
  const found = await lstat(join(worktree, path), { bigint: true }).catch((error: unknown) => {
    // A name that is too long, or below a file, is none.
    if (error instanceof Error && 'code' in error) return null
    throw error
  })
  return found === null ? null : `${found.dev}:${found.ino}:${found.ctimeNs}:${found.size}:${found.mode}`
}
