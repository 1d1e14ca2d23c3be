/**
 * File access that cannot leave /workspace: every path is resolved by the kernel with openat2, relative to the opened
 * folder, with no step upwards, no link and no /proc link on the way. So the path that the gate judged is the file that is
 * opened, even while a command swaps folders for links. A link matters here although the sandbox already hides the host:
 * through /proc/self/fd/1 a write would land in the stream that answers the node.
 *
 * Bun has no openat2, mkdirat or renameat, so they come from libc through bun:ffi.
 */
import { dlopen, FFIType, ptr, read } from 'bun:ffi'
import { closeSync, constants, openSync } from 'node:fs'
import { deniedReason, Refusal } from './refusal.ts'

const ROOT = '/workspace'
/** PATH_MAX, the terminating zero included. */
const PATH_BYTES_MAX = 4096

// <linux/openat2.h>; the call has one number on every architecture
const OPENAT2 = 437n
const SIZE_OF_OPEN_HOW = 24
const RESOLVE_NO_MAGICLINKS = 0x02
const RESOLVE_NO_SYMLINKS = 0x04
const RESOLVE_BENEATH = 0x08
const RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS
const O_CLOEXEC = 0o2000000
/** Names a file without opening it, so that even a device or a FIFO can be looked at. */
export const O_PATH = 0o10000000

// <fcntl.h>
const AT_FDCWD = -100
const AT_SYMLINK_FOLLOW = 0x400

/** A FIFO must not hold the worker up, a terminal not become its own. */
const NEVER_WAIT = constants.O_NONBLOCK | constants.O_NOCTTY

/** The tree may move while the kernel resolves; it then answers EAGAIN and asks to try again. */
const ATTEMPTS_MAX = 64

export type WorkspaceRoot = {
  /** Opens a path of the gate's form (`/workspace/a/b`). @throws {Refusal} */
  readonly open: (path: string, flags: number) => number
  /** Opens one name in an opened folder; a new file gets `mode`. @throws {Refusal} */
  readonly openIn: (folder: number, name: string, options: { flags: number; mode?: number }) => number
  /** Opens the folder that holds `path`, made with all its parents where missing. @throws {Refusal} */
  readonly openParent: (path: string) => { readonly folder: number; readonly name: string }
  /** Gives an opened file that has no name one. @throws {Refusal} */
  readonly nameIn: (folder: number, descriptor: number, name: string) => void
  /** Puts `from` in the place of `to`, in one step. @throws {Refusal} */
  readonly replaceIn: (folder: number, from: string, to: string) => void
  readonly removeIn: (folder: number, name: string) => void
}

/** Opens /workspace for the life of the worker. */
export const openWorkspaceRoot = (): WorkspaceRoot => {
  const libc = loadLibc()
  const root = openSync(ROOT, constants.O_RDONLY | constants.O_DIRECTORY)
  const how = new BigUint64Array(3) // struct open_how: flags, mode, resolve

  const openIn: WorkspaceRoot['openIn'] = (folder, name, { flags, mode = 0 }) => {
    const cName = toCString(name)
    how[0] = BigInt(flags | O_CLOEXEC | (flags & O_PATH ? 0 : NEVER_WAIT)) // O_PATH takes no others
    how[1] = BigInt(mode)
    how[2] = BigInt(RESOLVE)
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const descriptor = Number(libc.syscall(OPENAT2, folder, ptr(cName), ptr(how), SIZE_OF_OPEN_HOW))
      if (descriptor >= 0) return descriptor
      if (libc.errno() !== EAGAIN) throw refusalOf(libc.errno())
    }
    throw new Refusal('the folders on the way keep changing')
  }

  const openFolder = (folder: number, name: string): number =>
    openIn(folder, name, { flags: constants.O_RDONLY | constants.O_DIRECTORY })

  const enter = (folder: number, name: string): number => {
    if (libc.mkdirat(folder, ptr(toCString(name)), 0o777) === 0 || libc.errno() === EEXIST)
      return openFolder(folder, name)
    throw refusalOf(libc.errno())
  }

  return {
    open: (path, flags) => openIn(root, partsOf(path).join('/') || '.', { flags }),
    openIn,
    openParent: (path) => {
      const parts = partsOf(path)
      const name = parts.pop()
      if (name === undefined) throw new Refusal('it is the workspace itself')
      let folder = openFolder(root, '.')
      for (const part of parts) {
        const next = withClosed(folder, () => enter(folder, part))
        folder = next
      }
      return { folder, name }
    },
    nameIn: (folder, descriptor, name) => {
      const source = toCString(`/proc/self/fd/${descriptor}`) // the way that open(2) gives
      if (libc.linkat(AT_FDCWD, ptr(source), folder, ptr(toCString(name)), AT_SYMLINK_FOLLOW) !== 0)
        throw refusalOf(libc.errno())
    },
    replaceIn: (folder, from, to) => {
      if (libc.renameat(folder, ptr(toCString(from)), folder, ptr(toCString(to))) !== 0) throw refusalOf(libc.errno())
    },
    removeIn: (folder, name) => {
      libc.unlinkat(folder, ptr(toCString(name)), 0) // what cannot be removed is only a leftover
    },
  }
}

/** Runs `use` and closes the descriptor, whatever happens. */
export const withClosed = <T>(descriptor: number, use: () => T): T => {
  try {
    return use()
  } finally {
    closeSync(descriptor)
  }
}

/** The gate writes paths in one form only; any other form would be judged as one file and opened as another. */
const partsOf = (path: string): string[] => {
  if (path === ROOT) return []
  if (!path.startsWith(`${ROOT}/`)) throw new Refusal(`it is not under ${ROOT}`)
  if (path.includes('\0')) throw new Refusal('it holds a NUL character')
  if (Buffer.byteLength(path) >= PATH_BYTES_MAX) throw new Refusal('it is too long')
  const parts = path.slice(ROOT.length + 1).split('/')
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    throw new Refusal('it holds an empty, "." or ".." part')
  return parts
}

const toCString = (text: string): Uint8Array => Buffer.from(`${text}\0`)

const loadLibc = () => {
  const { symbols } = dlopen('libc.so.6', {
    syscall: { args: [FFIType.i64, FFIType.i32, FFIType.ptr, FFIType.ptr, FFIType.u64], returns: FFIType.i64 },
    mkdirat: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
    renameat: { args: [FFIType.i32, FFIType.ptr, FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
    linkat: {
      args: [FFIType.i32, FFIType.ptr, FFIType.i32, FFIType.ptr, FFIType.i32],
      returns: FFIType.i32,
    },
    unlinkat: { args: [FFIType.i32, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
    __errno_location: { args: [], returns: FFIType.ptr },
  })
  const { __errno_location: errnoLocation, ...calls } = symbols
  return {
    ...calls,
    errno: (): number => {
      const location = errnoLocation()
      return location === null ? 0 : read.i32(location, 0)
    },
  }
}

// <asm-generic/errno.h>
export const ENOENT = 2
const EAGAIN = 11
const EACCES = 13
const EEXIST = 17
const REASONS: Readonly<Record<number, string>> = {
  1: 'not permitted',
  [ENOENT]: 'no such file or folder',
  6: 'it is not a regular file',
  16: 'it is read-only here',
  18: 'it leads outside of the workspace',
  20: 'a part of it is not a folder',
  21: 'it is a folder',
  28: 'no space is left on the disk',
  30: 'it is read-only here',
  36: 'a part of it is too long',
  40: 'it goes through a link, which file tools do not follow',
  122: 'the disk quota is used up',
}

const refusalOf = (errno: number): Refusal => {
  const denied = errno === EACCES ? deniedReason(process.getgid?.() ?? 0) : null
  return new Refusal(denied ?? REASONS[errno] ?? `the system answers error ${errno}`, errno)
}
