import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const FILE_MODE = 0o644
const FOLDER_MODE = 0o755

type Staging = {
  /** Where the file is written before it gets its name, on the same file system; beside it when left out. */
  readonly staged?: string
  readonly mode?: number
}

/**
 * Puts a file in place in one step, over any that was there. Its content is on the disk when this returns, so that a name
 * never stands for half a file; the name itself is after `syncFolder`.
 */
export const writeWhole = (
  path: string,
  content: string | Uint8Array,
  { staged = `${path}.new`, mode = FILE_MODE }: Staging = {},
): void => {
  rmSync(staged, { force: true }) // of a process that was killed
  writeNew(staged, content, mode)
  renameSync(staged, path)
}

/**
 * Puts a file in place in one step, unless there is one of that name; `staged` as above.
 * @throws an error with code EEXIST when the name is taken, whatever holds it.
 */
export const addWhole = (path: string, content: string | Uint8Array, staged: string): void => {
  rmSync(staged, { force: true })
  writeNew(staged, content, FILE_MODE)
  linkSync(staged, path) // never replaces, and follows nothing
  rmSync(staged)
}

/**
 * Makes a folder that everybody may read, whatever the umask is. What lies there already is never taken for it.
 * @throws an error with code EEXIST when the name is taken, a link included.
 */
export const makeOpenFolder = (path: string): void => {
  mkdirSync(path)
  withFolder(path, (descriptor) => fchmodSync(descriptor, FOLDER_MODE))
}

/**
 * Makes the folder our own and readable for everybody.
 * @throws an error with code ENOTDIR or ELOOP when a link or another kind of file lies there.
 */
export const takeOpenFolder = (path: string): void =>
  withFolder(path, (descriptor) => {
    fchownSync(descriptor, process.getuid?.() ?? 0, process.getgid?.() ?? 0)
    fchmodSync(descriptor, FOLDER_MODE)
  })

/** By descriptor: whoever may rename things in the folder above could put a link in between two calls by name. */
const withFolder = (path: string, use: (descriptor: number) => void): void => {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    use(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

const writeNew = (path: string, content: string | Uint8Array, mode: number): void => {
  const descriptor = openSync(path, NEW_FILE, mode)
  try {
    fchmodSync(descriptor, mode) // whatever the umask is
    writeAll(descriptor, Buffer.from(content))
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

const writeAll = (descriptor: number, bytes: Buffer): void => {
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at)
}

/** Puts the names in a folder on the disk. */
export const syncFolder = (path: string): void => withFolder(path, fsyncSync)
