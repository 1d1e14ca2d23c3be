import { chmod, copyFile, mkdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises'

const READABLE_FOLDER = 0o755
const READABLE_FILE = 0o644
const READABLE_PROGRAM = 0o755

/** Makes a folder that every user may enter, whatever the umask. */
export const ensureReadableFolder = async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true })
  await chmod(path, READABLE_FOLDER)
}

/** Puts `content` at `path`, in one step for whoever reads it meanwhile, and only when it differs. */
export const putFile = async (path: string, content: string | Uint8Array): Promise<void> => {
  const wanted = Buffer.from(content)
  const present = await readFile(path).catch(() => null)
  if (present?.equals(wanted)) return
  const staged = stagingPath(path)
  await writeFile(staged, wanted)
  await chmod(staged, READABLE_FILE)
  await rename(staged, path)
}

/**
 * Copies a program or script once, and again when size or time differ from the original's (an upgrade). Compared in whole
 * seconds: not every file system keeps more.
 */
export const putCopy = async (source: string, target: string): Promise<void> => {
  const original = await stat(source)
  const present = await stat(target).catch(() => null)
  if (present !== null && present.size === original.size && wholeSeconds(present) === wholeSeconds(original)) return
  const staged = stagingPath(target)
  await copyFile(source, staged)
  await chmod(staged, READABLE_PROGRAM)
  await utimes(staged, wholeSeconds(original), wholeSeconds(original))
  await rename(staged, target)
}

const wholeSeconds = ({ mtimeMs }: { readonly mtimeMs: number }): number => Math.trunc(mtimeMs / 1000)

const stagingPath = (path: string): string => `${path}.${process.pid}.staged`
