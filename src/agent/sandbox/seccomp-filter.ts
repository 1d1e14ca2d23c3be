/**
 * The system-call filter of the sandbox, as the classic BPF program that `bwrap --seccomp FD` loads.
 *
 * Namespaces decide what a command can see; this filter takes away the calls that could change that view, reach the
 * kernel's wide surfaces, or leave something behind (a set-uid file, memory nobody counts). It is a deny list with a
 * closed end: calls newer than the reviewed ones answer ENOSYS. A foreign architecture or the x32 table kills the process,
 * because there the same numbers mean other calls.
 *
 * BPF cannot follow pointers. Where flags lie behind one (clone3, openat2's mode) the call answers ENOSYS and libc falls
 * back to the call whose arguments can be read. Arguments are compared on their low 32 bits, which is all the kernel
 * reads of these: comparing 64 bits was CVE-2019-10063. Both architectures are little endian.
 */
import { ABSENT_CALLS, DENIED_CALLS, JUDGED_CALLS, NEWEST_REVIEWED_CALL } from './seccomp-calls.ts'

export type SeccompArchitecture = 'x64' | 'arm64'
/** `bash` runs any program of the workspace; `files` is our own worker, which needs openat2 and no network at all. */
export type SandboxLane = 'bash' | 'files'

// <linux/audit.h>
const AUDIT_ARCHITECTURE = { x64: 0xc000003e, arm64: 0xc00000b7 } as const
const X32_CALL_BIT = 0x40000000

// <linux/seccomp.h>: SECCOMP_RET_*, with the errno in the low 16 bits
const ALLOW = 0x7fff0000
const KILL_PROCESS = 0x80000000
const EPERM = 0x00050000 | 1
const ENOSYS = 0x00050000 | 38
const EOPNOTSUPP = 0x00050000 | 95

// struct seccomp_data
const NUMBER_OFFSET = 0
const ARCHITECTURE_OFFSET = 4
const argumentOffset = (index: number) => 16 + 8 * index

// <linux/bpf_common.h>, the instructions used here
const LOAD = 0x20
const IF_EQUAL = 0x15
const IF_GREATER = 0x25
const IF_GREATER_OR_EQUAL = 0x35
const IF_ANY_BIT = 0x45
const GO = 0x05
const AND = 0x54
const RETURN = 0x06
const SIZE_OF_INSTRUCTION = 8

// Arguments that decide.
const CLONE_NEW_NAMESPACE = 0x7e020000 // CLONE_NEWNS|CGROUP|UTS|IPC|USER|PID|NET
const AF_UNIX = 1
const AF_INET = 2
const AF_INET6 = 10
const AF_NETLINK = 16
const SOCK_TYPE_MASK = 0xf // the rest is SOCK_NONBLOCK and SOCK_CLOEXEC
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const DEFAULT_PROTOCOL = 0
const IPPROTO_TCP = 6
const IPPROTO_UDP = 17
const NETLINK_ROUTE = 0
const TIOCSTI = 0x5412 // types into the terminal
const TIOCLINUX = 0x541c
const PERSONALITY_QUERY = 0xffffffff
const SET_ID_BITS = 0o6000
const CREATES_FILE = 0o100 | 0o20000000 // O_CREAT, O_TMPFILE: only then open reads its mode
const FILE_TYPE_MASK = 0o170000
const CHARACTER_DEVICE = 0o020000
const BLOCK_DEVICE = 0o060000

/** `next` falls through; any other name is a label further down. */
type Target = string
type Instruction = { readonly code: number; readonly k: number; readonly yes?: Target; readonly no?: Target }
type Line = Instruction | { readonly label: string }

const load = (k: number): Line => ({ code: LOAD, k })
const loadArgument = (index: number): Line => load(argumentOffset(index))
const mask = (k: number): Line => ({ code: AND, k })
const go = (target: Target): Line => ({ code: GO, k: 0, yes: target })
const answer = (k: number): Line => ({ code: RETURN, k })
const label = (name: string): Line => ({ label: name })
const test =
  (code: number) =>
  (k: number, yes: Target, no: Target = 'next'): Line => ({ code, k, yes, no })
const ifEqual = test(IF_EQUAL)
const ifGreater = test(IF_GREATER)
const ifAtLeast = test(IF_GREATER_OR_EQUAL)
const ifAnyBit = test(IF_ANY_BIT)

/** Builds the filter of one lane: `struct sock_filter[]` as bytes. */
export const seccompFilter = (architecture: SeccompArchitecture, lane: SandboxLane): Uint8Array =>
  assemble([...whichTable(architecture), ...whichCall(architecture, lane), ...whichArguments(lane), ...answers])

const whichTable = (architecture: SeccompArchitecture): Line[] => [
  load(ARCHITECTURE_OFFSET),
  ifEqual(AUDIT_ARCHITECTURE[architecture], 'next', 'kill'),
  load(NUMBER_OFFSET),
  // A tracer writes -1 to skip a call; as an unsigned number it would look like x32.
  ifEqual(0xffffffff, 'enosys'),
  ...(architecture === 'x64' ? [ifAtLeast(X32_CALL_BIT, 'kill')] : []),
  ifGreater(NEWEST_REVIEWED_CALL, 'enosys'),
]

const whichCall = (architecture: SeccompArchitecture, lane: SandboxLane): Line[] => {
  const column = architecture === 'x64' ? 0 : 1
  const when = (numbers: readonly [number | null, number | null], target: Target): Line[] => {
    const number = numbers[column]
    return number === null ? [] : [ifEqual(number, target)]
  }
  return [
    ...Object.values(DENIED_CALLS).flatMap((numbers) => when(numbers, 'eperm')),
    ...Object.values(ABSENT_CALLS).flatMap((numbers) => when(numbers, 'enosys')),
    // libc then writes zeroes, at a speed that the disk watchdog can follow: 4 GiB took 38 ms otherwise.
    ...when(JUDGED_CALLS.fallocate, 'eopnotsupp'),
    ...when(JUDGED_CALLS.clone3, 'enosys'),
    ...(lane === 'bash' ? when(JUDGED_CALLS.openat2, 'enosys') : []),
    ...when(JUDGED_CALLS.clone, 'clone'),
    ...when(JUDGED_CALLS.socket, 'socket'),
    ...when(JUDGED_CALLS.socketpair, 'socketpair'),
    ...when(JUDGED_CALLS.ioctl, 'ioctl'),
    ...when(JUDGED_CALLS.personality, 'personality'),
    ...when(JUDGED_CALLS.mknod, 'mknod'),
    ...when(JUDGED_CALLS.mknodat, 'mknodat'),
    ...when(JUDGED_CALLS.open, 'open'),
    ...when(JUDGED_CALLS.openat, 'openat'),
    ...[JUDGED_CALLS.chmod, JUDGED_CALLS.fchmod, JUDGED_CALLS.creat].flatMap((numbers) => when(numbers, 'chmod')),
    ...[JUDGED_CALLS.fchmodat, JUDGED_CALLS.fchmodat2].flatMap((numbers) => when(numbers, 'fchmodat')),
    go('allow'),
  ]
}

const whichArguments = (lane: SandboxLane): Line[] => [
  label('clone'),
  loadArgument(0),
  ifAnyBit(CLONE_NEW_NAMESPACE, 'eperm', 'allow'),

  ...whichSocket(lane),

  label('ioctl'),
  loadArgument(1),
  ifEqual(TIOCSTI, 'eperm'),
  ifEqual(TIOCLINUX, 'eperm', 'allow'),

  label('personality'),
  loadArgument(0),
  ifEqual(0, 'allow'),
  ifEqual(PERSONALITY_QUERY, 'allow', 'eperm'),

  label('mknod'),
  loadArgument(1),
  go('new-node'),
  label('mknodat'),
  loadArgument(2),
  label('new-node'),
  ifAnyBit(SET_ID_BITS, 'eperm'),
  mask(FILE_TYPE_MASK),
  ifEqual(CHARACTER_DEVICE, 'eperm'),
  ifEqual(BLOCK_DEVICE, 'eperm', 'allow'),

  // No set-uid or set-gid file may stay behind in the workspace, which other users of the host can reach.
  label('open'),
  loadArgument(1),
  ifAnyBit(CREATES_FILE, 'next', 'allow'),
  loadArgument(2),
  go('mode'),
  label('openat'),
  loadArgument(2),
  ifAnyBit(CREATES_FILE, 'next', 'allow'),
  loadArgument(3),
  go('mode'),
  label('fchmodat'),
  loadArgument(2),
  go('mode'),
  label('chmod'),
  loadArgument(1),
  label('mode'),
  ifAnyBit(SET_ID_BITS, 'eperm', 'allow'),
]

const whichSocket = (lane: SandboxLane): Line[] => [
  label('socketpair'),
  loadArgument(0),
  ifEqual(AF_UNIX, 'allow', 'eperm'),

  // A network namespace does not confine every family (AF_VSOCK reaches the hypervisor), so the families are listed.
  label('socket'),
  loadArgument(0),
  ifEqual(AF_UNIX, 'allow'), // reaches only sockets that are visible in the own namespaces
  ...(lane === 'bash'
    ? [
        ifEqual(AF_INET, 'inet'),
        ifEqual(AF_INET6, 'inet'),
        ifEqual(AF_NETLINK, 'netlink', 'eperm'),
        label('inet'),
        loadArgument(1),
        mask(SOCK_TYPE_MASK),
        ifEqual(SOCK_STREAM, 'protocol'),
        ifEqual(SOCK_DGRAM, 'protocol', 'eperm'),
        label('protocol'), // the others (SCTP, MPTCP, SMC, UDP-Lite, ping) are as wide as the families
        loadArgument(2),
        ifEqual(DEFAULT_PROTOCOL, 'allow'),
        ifEqual(IPPROTO_TCP, 'allow'),
        ifEqual(IPPROTO_UDP, 'allow', 'eperm'),
        label('netlink'), // getifaddrs needs the routing protocol
        loadArgument(2),
        ifEqual(NETLINK_ROUTE, 'allow', 'eperm'),
      ]
    : [go('eperm')]),
]

const answers: readonly Line[] = [
  label('allow'),
  answer(ALLOW),
  label('eperm'),
  answer(EPERM),
  label('enosys'),
  answer(ENOSYS),
  label('eopnotsupp'),
  answer(EOPNOTSUPP),
  label('kill'),
  answer(KILL_PROCESS),
]

/** Conditional jumps are 8 bits wide and forwards only, as BPF has it; a program that breaks this is a fault of this file. */
const assemble = (lines: readonly Line[]): Uint8Array => {
  const positions = new Map<string, number>()
  const instructions: Instruction[] = []
  for (const line of lines) {
    if ('label' in line) positions.set(line.label, instructions.length)
    else instructions.push(line)
  }
  const view = new DataView(new ArrayBuffer(instructions.length * SIZE_OF_INSTRUCTION))
  for (const [position, { code, k, yes, no }] of instructions.entries()) {
    const distance = (target: Target | undefined): number => {
      if (target === undefined || target === 'next') return 0
      const steps = (positions.get(target) ?? Number.NaN) - position - 1
      if (!(steps >= 0 && steps <= 255)) throw new RangeError(`seccomp: cannot jump from ${position} to ${target}`)
      return steps
    }
    const offset = position * SIZE_OF_INSTRUCTION
    view.setUint16(offset, code, true)
    view.setUint8(offset + 2, code === GO ? 0 : distance(yes))
    view.setUint8(offset + 3, distance(no))
    view.setUint32(offset + 4, code === GO ? distance(yes) : k, true)
  }
  return new Uint8Array(view.buffer)
}
