import { describe, expect, test } from 'bun:test'
import { bigInt, constantFrom, nat, property, assert as verify } from 'fast-check'
import { ABSENT_CALLS, DENIED_CALLS, JUDGED_CALLS, NEWEST_REVIEWED_CALL } from '../seccomp-calls.ts'
import { type SandboxLane, type SeccompArchitecture, seccompFilter } from '../seccomp-filter.ts'
import { runFilter } from './bpf-interpreter.ts'

const ALLOW = 0x7fff0000
const KILL = 0x80000000
const EPERM = 0x00050001
const ENOSYS = 0x00050026
const EOPNOTSUPP = 0x0005005f
const AUDIT = { x64: 0xc000003e, arm64: 0xc00000b7 } as const
const AUDIT_I386 = 0x40000003
const AUDIT_ARM = 0x40000028
const NO_ARGUMENTS: readonly bigint[] = [0n, 0n, 0n, 0n, 0n, 0n]

type Judged = keyof typeof JUDGED_CALLS

describe.each([['x64'], ['arm64']] as const)('the filter on %s', (architecture: SeccompArchitecture) => {
  const column = architecture === 'x64' ? 0 : 1
  const filters = { bash: seccompFilter(architecture, 'bash'), files: seccompFilter(architecture, 'files') }
  const ask = (number: number, values: readonly (bigint | number)[] = [], lane: SandboxLane = 'bash') => {
    const given = values.map(BigInt)
    return runFilter(filters[lane], {
      architecture: AUDIT[architecture],
      number,
      arguments: [...given, ...NO_ARGUMENTS.slice(given.length)],
    })
  }
  /** null where this architecture has no such call. */
  const call = (name: Judged, values: readonly (bigint | number)[], lane: SandboxLane = 'bash') => {
    const number = JUDGED_CALLS[name][column]
    return number === null ? null : ask(number, values, lane)
  }
  const expectCall = (name: Judged, values: readonly (bigint | number)[], answer: number, lane: SandboxLane = 'bash') =>
    expect([name, values, call(name, values, lane)]).toEqual([
      name,
      values,
      JUDGED_CALLS[name][column] === null ? null : answer,
    ])

  test('every call from 0 to 600 gets the answer that the lists say', () => {
    const listed = (table: Readonly<Record<string, readonly [number | null, number | null]>>) =>
      new Set(Object.values(table).map((numbers) => numbers[column]))
    const denied = listed(DENIED_CALLS)
    const absent = listed(ABSENT_CALLS)
    const judged = listed(JUDGED_CALLS)
    for (let number = 0; number <= 600; number++) {
      if (judged.has(number)) continue
      const unknown = number > NEWEST_REVIEWED_CALL || absent.has(number)
      const answer = unknown ? ENOSYS : denied.has(number) ? EPERM : ALLOW
      for (const lane of ['bash', 'files'] as const) expect([number, ask(number, [], lane)]).toEqual([number, answer])
    }
  })

  test('mounting, joining namespaces, tracing, io_uring, bpf and keyrings are refused', () => {
    const examples = { mount: [165, 40], unshare: [272, 97], setns: [308, 268], ptrace: [101, 117], bpf: [321, 280] }
    for (const numbers of Object.values(examples)) expect(ask(numbers[column] ?? -1)).toBe(EPERM)
    expect(ask(425)).toBe(EPERM) // io_uring_setup
    expect(ask(column === 0 ? 250 : 219)).toBe(EPERM) // keyctl
  })

  test('a call of another architecture kills the process, whatever its number', () => {
    const foreign = [AUDIT_I386, AUDIT_ARM, architecture === 'x64' ? AUDIT.arm64 : AUDIT.x64, 0]
    void verify(
      property(
        constantFrom(...foreign),
        nat(600),
        (other, number) => runFilter(filters.bash, { architecture: other, number, arguments: NO_ARGUMENTS }) === KILL,
      ),
    )
  })

  test('no call with the x32 bit or a huge number runs', () => {
    for (const number of [0x40000000, 0x40000001, 0x40000000 + 101, 0x7fffffff, 0xfffffffe])
      expect(ask(number)).toBe(architecture === 'x64' ? KILL : ENOSYS)
    expect(ask(0xffffffff)).toBe(ENOSYS) // a tracer's way to skip a call
  })

  test('clone makes processes and threads but no namespace', () => {
    expectCall('clone', [0x11], ALLOW) // fork: SIGCHLD
    expectCall('clone', [0x3d0f00], ALLOW) // a thread
    for (const bit of [0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000])
      expectCall('clone', [bit | 0x11], EPERM)
    expectCall('clone3', [0], ENOSYS)
  })

  test('sockets are unix, or streams and datagrams of a network that is not there', () => {
    const families = Array.from({ length: 46 }, (_, family) => family)
    for (const family of families) {
      const inBash = [1, 2, 10, 16].includes(family) ? ALLOW : EPERM
      expectCall('socket', [family, 1, 0], inBash)
      expectCall('socket', [family, 1, 0], family === 1 ? ALLOW : EPERM, 'files')
      expectCall('socketpair', [family, 1, 0], family === 1 ? ALLOW : EPERM)
    }
    expectCall('socket', [2, 2 | 0o2004000, 0], ALLOW) // SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK
    expectCall('socket', [2, 3, 0], EPERM) // SOCK_RAW
    expectCall('socket', [10, 5, 0], EPERM)
    for (const [type, protocol] of [
      [1, 6],
      [2, 17],
    ] as const)
      expectCall('socket', [2, type, protocol], ALLOW)
    for (const protocol of [1, 58, 132, 136, 256, 262]) expectCall('socket', [10, 1, protocol], EPERM)
    expectCall('socket', [16, 3, 9], EPERM) // NETLINK_AUDIT
  })

  test('typing into a terminal is refused, whatever the upper half of the argument holds', () => {
    void verify(
      property(bigInt({ min: 0n, max: 0xffffffffn }), constantFrom(0x5412n, 0x541cn), (upper, request) =>
        [EPERM, null].includes(call('ioctl', [0n, (upper << 32n) | request])),
      ),
    )
    expectCall('ioctl', [0, 0x5401], ALLOW) // TCGETS
  })

  test('personality can be asked for but not changed', () => {
    expectCall('personality', [0], ALLOW)
    expectCall('personality', [0xffffffff], ALLOW)
    expectCall('personality', [0x0040000], EPERM) // ADDR_NO_RANDOMIZE
  })

  test('no file gets a set-uid or set-gid bit by any call', () => {
    const CREATE = 0o102
    for (const bit of [0o4000, 0o2000, 0o6000]) {
      const mode = bit | 0o755
      expectCall('chmod', [0, mode], EPERM)
      expectCall('fchmod', [0, mode], EPERM)
      expectCall('fchmodat', [0, 0, mode], EPERM)
      expectCall('fchmodat2', [0, 0, mode], EPERM)
      expectCall('creat', [0, mode], EPERM)
      expectCall('open', [0, CREATE, mode], EPERM)
      expectCall('openat', [0, 0, CREATE, mode], EPERM)
      expectCall('openat', [0, 0, 0o20000000, mode], EPERM) // O_TMPFILE
      expectCall('mknod', [0, 0o100000 | mode], EPERM)
      expectCall('mknodat', [0, 0, 0o100000 | mode], EPERM)
      expectCall('openat', [0, 0, 0, mode], ALLOW) // without creating the mode is not read
    }
    for (const name of ['chmod', 'fchmod', 'creat'] as const) expectCall(name, [0, 0o1777], ALLOW)
    for (const name of ['fchmodat', 'fchmodat2'] as const) expectCall(name, [0, 0, 0o755], ALLOW)
    expectCall('openat', [0, 0, CREATE, 0o644], ALLOW)
    expectCall('open', [0, CREATE, 0o644], ALLOW)
  })

  test('device nodes are refused, FIFOs and files are not', () => {
    for (const type of [0o020000, 0o060000]) {
      expectCall('mknod', [0, type | 0o600], EPERM)
      expectCall('mknodat', [0, 0, type | 0o600], EPERM)
    }
    for (const type of [0o010000, 0o100000, 0o140000]) expectCall('mknodat', [0, 0, type | 0o600], ALLOW)
  })

  test('openat2 is for the file worker only, whose code is ours', () => {
    expectCall('openat2', [], ENOSYS)
    expectCall('openat2', [], ALLOW, 'files')
  })

  test('reserving disk space without writing is not supported, and memory outside of processes is absent', () => {
    expectCall('fallocate', [], EOPNOTSUPP)
    expect(ask(ABSENT_CALLS['memfd_create']?.[column] ?? -1)).toBe(ENOSYS)
  })
})
