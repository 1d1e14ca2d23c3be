import { chmodSync, statSync } from 'node:fs'

const OWNER_ALL = 0o700
const OTHERS_WRITE = 0o022
const MODE_BITS = 0o7777

/**
 * Lets this user into a folder of its own and keeps every other from writing there, whatever its mode became. Rights to
 * read stay as they are. A folder that is missing or someone else's is left alone.
 */
export const reopenFolder = (path: string): void => {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined || found.uid !== process.getuid?.()) return
  const mode = found.mode & MODE_BITS
  const wanted = (mode | OWNER_ALL) & ~OTHERS_WRITE
  if (mode !== wanted) chmodSync(path, wanted)
}
