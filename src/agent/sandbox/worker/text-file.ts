import { constants, fchmodSync, fstatSync, readSync, writeSync } from 'node:fs'
import { Refusal } from './refusal.ts'
import type { SpareFile } from './spare-file.ts'
import { ENOENT, O_PATH, type WorkspaceRoot, withClosed } from './workspace-root.ts'

/** Largest file that is read or written whole; a model's own text is far smaller, a generated one belongs to bash. */
export const FILE_BYTES_MAX = 8 * 1024 * 1024

/** Before the umask. */
export const NEW_FILE_MODE = 0o666
const PERMISSION_BITS = 0o777
const MAY_WRITE = 0o222

/** Reads a whole file as UTF-8, byte order mark included, so that writing it back changes nothing else. @throws {Refusal} */
export const readText = (root: WorkspaceRoot, path: string): string => {
  const descriptor = root.open(path, constants.O_RDONLY)
  const bytes = withClosed(descriptor, () => {
    const { size } = requireRegularFile(descriptor)
    if (size > FILE_BYTES_MAX) throw new Refusal(`it has ${size} bytes, over the limit of ${FILE_BYTES_MAX}; use bash`)
    return readAll(descriptor, size)
  })
  const text = decodeStrictly(bytes)
  if (text === null || text.includes('\0'))
    throw new Refusal(`it is a binary file of ${bytes.length} bytes; look at it with bash`)
  return text
}

type WriteOptions = { readonly bytesMax?: number; readonly spare?: SpareFile | null }

/**
 * Writes a whole file in one step: a new file takes the old one's place and mode, so a kill leaves the old or the new
 * content, never a part. Not synced to the disk: the commit at the end of the turn is what lasts. @throws {Refusal}
 */
export const writeText = (root: WorkspaceRoot, path: string, content: string, options: WriteOptions = {}): void =>
  writeBytes(root, path, Buffer.from(content), options)

/** As `writeText`, for a file of any bytes. @throws {Refusal} */
export const writeBytes = (
  root: WorkspaceRoot,
  path: string,
  bytes: Uint8Array,
  { bytesMax = FILE_BYTES_MAX, spare = null }: WriteOptions = {},
): void => {
  if (bytes.length > bytesMax) throw new Refusal(`the content is over the limit of ${bytesMax} bytes`)
  const { folder, name } = root.openParent(path)
  withClosed(folder, () => {
    const mode = modeOf(root, folder, name)
    // Taking the place of a file asks only for the right to write to its folder; a shell would be refused.
    if (mode !== null && (mode & MAY_WRITE) === 0)
      throw new Refusal(`it is closed to writing (mode ${mode.toString(8)}); whoever closed it can open it: chmod u+w`)
    const staged = `.plaited-${crypto.randomUUID()}`
    const nameless = spare?.take(folder) ?? null
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
    const descriptor = nameless ?? root.openIn(folder, staged, { flags, mode: NEW_FILE_MODE })
    try {
      withClosed(descriptor, () => {
        if (mode !== null) fchmodSync(descriptor, mode)
        writeAll(descriptor, bytes)
        if (nameless !== null) root.nameIn(folder, nameless, staged)
      })
      root.replaceIn(folder, staged, name)
    } catch (error) {
      root.removeIn(folder, staged)
      throw error
    }
  })
}

/** Permission bits of the file that is there, null when there is none. */
const modeOf = (root: WorkspaceRoot, folder: number, name: string): number | null => {
  let descriptor: number
  try {
    descriptor = root.openIn(folder, name, { flags: O_PATH | constants.O_NOFOLLOW })
  } catch (error) {
    if (error instanceof Refusal && error.errno === ENOENT) return null
    throw error
  }
  return withClosed(descriptor, () => requireRegularFile(descriptor).mode & PERMISSION_BITS)
}

const requireRegularFile = (descriptor: number) => {
  const found = fstatSync(descriptor)
  if (found.isDirectory()) throw new Refusal('it is a folder')
  if (!found.isFile()) throw new Refusal('it is not a regular file')
  return found
}

const readAll = (descriptor: number, size: number): Uint8Array => {
  const bytes = Buffer.alloc(size)
  let length = 0
  for (let count = -1; count !== 0 && length < size; length += count)
    count = readSync(descriptor, bytes, length, size - length, length)
  return bytes.subarray(0, length)
}

const writeAll = (descriptor: number, bytes: Uint8Array): void => {
  for (let length = 0; length < bytes.length;) length += writeSync(descriptor, bytes, length)
}

const decodeStrictly = (bytes: Uint8Array): string | null => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null // not UTF-8
  }
}
