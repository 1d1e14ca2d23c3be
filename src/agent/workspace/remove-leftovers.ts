import { lstatSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../utils/clock.ts'

/** No run of ours lasts longer than two minutes, and a git that still writes its file does not pause for ten. */
const AGE_MIN_MS = 10 * 60_000

/** The names under which git writes an object or a pack before it has its own (object-file.c, pack-write.c). */
const UNFINISHED = /^tmp_/
const OBJECT_FOLDER = /^(?:[0-9a-f]{2}|pack)$/

/**
 * Removes what a git that was killed left half-written among the objects; nothing ever reads it. For when none of ours
 * runs. Files of the sandbox's user can only be ours; of the caller's own, which the owner's git makes too, the old ones go.
 */
export const removeLeftovers = async ({
  gitDir,
  clock,
  sharedGroup,
}: {
  readonly gitDir: string
  readonly clock: Clock
  /** Group of the sandbox's uid when that differs from the caller's, otherwise null. */
  readonly sharedGroup: number | null
}): Promise<void> => {
  const objects = join(gitDir, 'objects')
  const folders = (await readdir(objects, { withFileTypes: true })).filter(
    (entry) => entry.isDirectory() && OBJECT_FOLDER.test(entry.name),
  )
  for (const folder of folders.map(({ name }) => join(objects, name)))
    for (const name of (await readdir(folder)).filter((entry) => UNFINISHED.test(entry))) {
      const path = join(folder, name)
      const found = lstatSync(path, { throwIfNoEntry: false }) // the owner's git may have finished it by now
      if (!found?.isFile()) continue
      const isSandboxes = sharedGroup !== null && found.uid !== process.getuid?.()
      if (isSandboxes || found.mtimeMs < clock.now() - AGE_MIN_MS) await rm(path, { force: true })
    }
}
