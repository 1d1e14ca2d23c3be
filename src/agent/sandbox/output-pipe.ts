/**
 * A pipe of the kernel for a command's output. Bun's own 'pipe' is a pair of sockets, and a socket cannot be opened through
 * /dev/stderr: `echo failed >/dev/stderr`, common in scripts, would fail. Bun has no pipe(2), so libc's is called.
 */
import { dlopen, FFIType, ptr } from 'bun:ffi'
import { closeSync, fchownSync, readSync } from 'node:fs'
import { NodeError } from '../../utils/node-error.ts'
import type { SandboxUser } from './sandbox.types.ts'

const O_CLOEXEC = 0o2000000
const O_NONBLOCK = 0o4000
/** Bytes that one look takes at most; bubblewrap's status is a few hundred. */
const LOOK_BYTES_MAX = 4096

export type OutputPipe = {
  /** For the child's stdio; `closeWriteEnd` must follow the spawn, else the end is never seen. */
  readonly writeEnd: number
  readonly closeWriteEnd: () => void
  /** Everything written, until the last writer is gone; reading to the end closes the pipe. */
  readonly read: () => AsyncIterable<Uint8Array>
  /** What has come since the last look, without waiting; empty when nothing has. Instead of `read`. */
  readonly look: () => Uint8Array
  readonly closeReadEnd: () => void
  /** For a pipe that no child got. */
  readonly discard: () => void
}

/** `isLookedAt`: neither end ever waits; for `look`. */
export type MakePipe = (options?: { readonly isLookedAt?: boolean }) => OutputPipe

/**
 * Makes pipes that belong to `owner`, because opening one through /dev/stderr asks for permission as for a file.
 * The maker throws {NodeError} SANDBOX_FAILED when no descriptor is left.
 */
export const createPipeMaker = (owner: SandboxUser | null): MakePipe => {
  const libc = dlopen('libc.so.6', { pipe2: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 } })
  return ({ isLookedAt = false } = {}) => {
    const ends = new Int32Array(2)
    if (libc.symbols.pipe2(ptr(ends), isLookedAt ? O_CLOEXEC | O_NONBLOCK : O_CLOEXEC) !== 0)
      throw new NodeError('SANDBOX_FAILED', 'the node has no file descriptor left', {
        hint: 'raise its limit (ulimit -n)',
      })
    const [readEnd = -1, writeEnd = -1] = ends
    if (owner !== null) fchownSync(writeEnd, owner.uid, owner.gid)
    return {
      writeEnd,
      closeWriteEnd: () => closeSync(writeEnd),
      read: () => readToEnd(readEnd),
      look: () => readNow(readEnd),
      closeReadEnd: () => closeSync(readEnd),
      discard: () => {
        closeSync(readEnd)
        closeSync(writeEnd)
      },
    }
  }
}

const readToEnd = async function* (descriptor: number): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* Bun.file(descriptor).stream()
  } finally {
    closeSync(descriptor)
  }
}

const readNow = (descriptor: number): Uint8Array => {
  const bytes = new Uint8Array(LOOK_BYTES_MAX)
  try {
    return bytes.subarray(0, readSync(descriptor, bytes))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return new Uint8Array()
    throw error
  }
}
