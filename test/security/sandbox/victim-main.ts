/**
 * A process of the sandbox's user on the host, with a secret in each place where another process might get at it: argument,
 * environment, memory, shared memory, a message queue, the kernel's keyring, an abstract socket. Ends with its input.
 */
import { dlopen, FFIType, ptr, toArrayBuffer } from 'bun:ffi'

/** Where its treasures are; what they are, only its own memory and the suite know. */
export type Treasures = {
  readonly sharedMemoryId: number
  readonly messageQueueId: number
  readonly keyDescription: string
  readonly abstractName: string
}

const { symbols: libc } = dlopen('libc.so.6', {
  shmget: { args: [FFIType.i32, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
  shmat: { args: [FFIType.i32, FFIType.ptr, FFIType.i32], returns: FFIType.ptr },
  shmctl: { args: [FFIType.i32, FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  msgget: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  msgsnd: { args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
  msgctl: { args: [FFIType.i32, FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  syscall: {
    args: [FFIType.i64, FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64, FFIType.i64],
    returns: FFIType.i64,
  },
})
const IPC_RMID = 0
const IPC_CREAT = 0o1000
const KEY_SPEC_USER_KEYRING = -4
const ADD_KEY = process.arch === 'x64' ? 248 : 217

const input = Bun.stdin.stream().getReader()
const { value = new Uint8Array() } = await input.read()
const secret = Buffer.from(value).toString('latin1').trim()
const bytes = Buffer.from(secret)

const sharedMemoryId = libc.shmget(0, 4096, IPC_CREAT | 0o666)
const address = libc.shmat(sharedMemoryId, null, 0)
if (address !== null) new Uint8Array(toArrayBuffer(address, 0, 4096)).set(bytes)
libc.shmctl(sharedMemoryId, IPC_RMID, null) // gone with the last process that has it; until then it can be attached

const messageQueueId = libc.msgget(0, IPC_CREAT | 0o666)
const message = Buffer.concat([Buffer.from(new BigInt64Array([1n]).buffer), bytes])
libc.msgsnd(messageQueueId, ptr(message), bytes.length, 0)

const keyDescription = `plaited-test-${process.pid}`
const text = (word: string) => Buffer.from(`${word}\0`)
libc.syscall(ADD_KEY, ptr(text('user')), ptr(text(keyDescription)), ptr(bytes), bytes.length, KEY_SPEC_USER_KEYRING)

const abstractName = `plaited-test-${process.pid}`
const server = Bun.listen({
  unix: `\0${abstractName}`,
  socket: { open: (peer) => void peer.end(secret), data: () => {} },
})
process.stdout.write(
  `${JSON.stringify({ sharedMemoryId, messageQueueId, keyDescription, abstractName } satisfies Treasures)}\n`,
)

await input.read()
server.stop(true)
libc.msgctl(messageQueueId, IPC_RMID, null)
process.exit(0)
