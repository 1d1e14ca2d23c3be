import type { Attack } from '../attack.types.ts'
import { probeAttacks, programAttack } from '../attack-forms.ts'

/** Surfaces of the kernel that no command of the workspace needs. Harmless arguments: what counts is that the call is closed. */
const PROBES: Readonly<Record<string, string>> = {
  'no BPF program or map':
    'Math.max(call([321, 280], 0, ints(2, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 72), call([321, 280], 5, new Uint8Array(72), 72))',
  'no performance counters':
    'call([298, 241], (() => { const a = new Uint32Array(28); a[0] = 1; a[1] = 112; return a })(), 0, -1, -1, 0)',
  'no page faults handled by a program (userfaultfd)': 'Math.max(call([323, 282], 1), call([323, 282], 0))',
  'no userfaultfd by its device': "(() => { try { return openSync('/dev/userfaultfd', 'r+') } catch { return -1 } })()",
  'no io_uring': 'call([425, 425], 4, new Uint8Array(120))',
  'no key can be added':
    "Math.max(...[-1, -2, -3, -4, -5].map((ring) => call([248, 217], 'user', 'plaited', 'x', 1, ring)))",
  'no key can be asked for': "call([249, 218], 'user', 'plaited', 0, -3)",
  'no keyring can be joined': 'Math.max(call([250, 219], 1, 0), call([250, 219], 0, -4, 1))',
  'no handle of a file is made':
    "call([303, 264], -100, '/workspace', (() => { const h = new Uint32Array(40); h[0] = 128; return h })(), ints(0), 0)",
  'no file is opened by its handle':
    "call([304, 265], call([257, 56], -100, '/workspace', 0, 0), new Uint32Array([8, 1, 2, 0, 0, 0]), 0)",
  'no watch on all files (fanotify)': 'Math.max(call([300, 262], 0, 0), call([300, 262], 0x200, 0))',
  'no secret or anonymous memory file':
    "Math.max(call([447, 447], 0), call([319, 279], 'x', 0), call([319, 279], 'x', 1))",
  'no System V shared memory': 'call([29, 194], 0, 4096, 0o1600)',
  'no other kernel is loaded': 'Math.max(call([246, 104], 0, 0, 0, 0), call([320, 294], -1, -1, 0, 0, 0) )',
  'no module is loaded or removed':
    "Math.max(call([175, 105], new Uint8Array(8), 8, ''), call([313, 273], 0, '', 0), call([176, 106], 'x', 0))",
  'no reboot': 'call([169, 142], 0xfee1dead, 672274793, 0, 0)',
  'no swap or quota':
    "Math.max(call([167, 224], '/workspace/x', 0), call([168, 225], '/workspace/x'), call([179, 60], 0x80000700, 0, 0, 0))",
  'no clock is set':
    'Math.max(call([227, 112], 0, longs(0, 0)), call([164, 170], longs(0, 0), 0), call([159, 171], ints(1, ...Array(60).fill(0))), call([305, 266], 0, ints(1, ...Array(60).fill(0))))',
  'no kernel log is read': 'Math.max(call([103, 116], 3, new Uint8Array(4096), 4096), call([103, 116], 10, 0, 0))',
  'no kernel log, memory or symbol file is opened':
    "(() => { for (const path of ['/dev/kmsg', '/dev/mem', '/dev/kmem', '/dev/port', '/proc/kcore', '/proc/kmsg', '/dev/kvm', '/dev/fuse', '/dev/vhost-vsock', '/dev/net/tun', '/dev/loop-control', '/sys/kernel/debug', '/sys/kernel/security', '/dev/console', '/dev/tty0']) { try { return openSync(path, 'r') } catch {} } return -1 })()",
  'no address of the kernel is told': "/[1-9a-f]/.test(readFileSync('/proc/kallsyms', 'latin1').slice(0, 16)) ? 0 : -1",
  'no accounting': "call([163, 89], '/workspace/x')",
  'no ports of the machine': 'Math.max(call([172, null], 3) ?? -1, call([173, null], 0, 8, 1) ?? -1)',
  'no descriptor tables of its own': 'call([154, null], 0x11, new Uint32Array([0, 0, 0xfffff, 0x51]), 16)',
  'no personality that turns off protections':
    'Math.max(call([135, 92], 0x0040000), call([135, 92], 0x0400000), call([135, 92], 8))',
  'no new capability, and no way back from no-new-privileges':
    'Math.max(call([126, 91], ints(0x20080522, 0), ints(-1, -1, -1, -1, -1, -1)), call([157, 167], 38, 0, 0, 0, 0), call([157, 167], 47, 2, 21, 0, 0), call([157, 167], 28, 0, 0, 0, 0) && -1)',
  'no call newer than the reviewed ones':
    'Math.max(...Array.from({ length: 60 }, (_, at) => call([467 + at, 467 + at], 0, 0, 0, 0)))',
  'no lookup of file systems by old calls':
    'Math.max(call([139, null], 3) ?? -1, call([136, null], 1, new Uint8Array(64)) ?? -1, call([134, null], "/bin/true") ?? -1)',
  'no space is taken faster than can be watched (fallocate)': "call([285, 47], openSync('/tmp/f', 'w'), 0, 0, 1 << 20)",
  'no file is opened past the filter (openat2)': "call([437, 437], -100, '/tmp/g', longs(0o102, 0o4777, 0), 24)",
}

/** Each of these ends its process where the filter holds, so the host looks at how it ended. */
const deadly = (name: string, body: string, only: NodeJS.Architecture | null = null): Attack =>
  programAttack(
    'kernel',
    name,
    () =>
      `${only === null ? '' : `if (process.arch !== '${only}') console.log('absent'), process.exit(7)`}\n${body}\nconsole.log('survived')`,
    {
      mayDie: true,
      finding: (_, { exitCode, stdout }) =>
        exitCode === 0 && stdout.includes('survived') ? 'the process lived on' : null,
    },
  )

export const KERNEL_ATTACKS: readonly Attack[] = [
  ...probeAttacks('kernel', PROBES),
  deadly('the second table of calls (x32) is death', 'call([0x40000000 + 41, null], 40, 1, 0)', 'x64'),
  deadly(
    'the calls of 32-bit programs (int 0x80) are death',
    `const page = call([9, null], 0, 4096, 7, 0x22, -1, 0)
     new Uint8Array(toArrayBuffer(page, 0, 4096)).set([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3])
     CFunction({ ptr: page, args: [], returns: 'i32' })()`,
    'x64',
  ),
  programAttack(
    'kernel',
    'a filter of its own cannot loosen the one it has',
    () => `
    const filter = new Uint8Array([6, 0, 0, 0, 0, 0, 0xff, 0x7f])
    const loaded = call([317, 277], 1, 0, new BigUint64Array([1n, BigInt(ptr(filter))]))
    console.log('unshared', loaded, call([272, 97], 0x10000000), call([41, 198], 40, 1, 0))`,
    {
      finding: (_, { stdout }) => (/unshared -?\d+ -1 -1/.test(stdout) ? null : stdout),
    },
  ),
]
