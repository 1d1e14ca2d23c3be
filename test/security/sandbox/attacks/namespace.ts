import type { Attack } from '../attack.types.ts'
import { probeAttacks, scriptAttack } from '../attack-forms.ts'
import type { HeldProgram } from '../probe-program.ts'

// CLONE_NEW* and SIGCHLD
const USER = '0x10000000'
const MOUNT = '0x20000'
const EVERY = '0x7e020000'

/** Calls that would leave or widen the view that bubblewrap built; all numbers are [x64, arm64]. */
const PROBES: Readonly<Record<string, string>> = {
  'unshare makes no user namespace': `call([272, 97], ${USER})`,
  'unshare makes no mount namespace': `call([272, 97], ${MOUNT})`,
  'unshare makes no other namespace':
    'Math.max(...[0x4000000, 0x8000000, 0x40000000, 0x2000000, 0x20000000, 0x80].map((flag) => call([272, 97], flag)))',
  'clone makes no user namespace': `inChild(call([56, 220], ${USER} | 17))`,
  'clone with every namespace at once makes none': `inChild(call([56, 220], ${EVERY} | 17))`,
  'clone3, whose flags no filter can read, is not there': `inChild(call([435, 435], longs(${USER}, 0, 0, 0, 17, 0, 0, 0), 64))`,
  'setns enters no namespace of another process':
    "Math.max(...['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'].map((kind) => { const fd = openSync('/proc/1/ns/' + kind, 'r'); const result = call([308, 268], fd, 0); call([3, 57], fd); return result }))",
  'setns enters nothing through a process descriptor': 'call([308, 268], call([434, 434], 1, 0), 0x7e020000)',
  'mount makes no file system':
    "Math.max(...['tmpfs', 'proc', 'sysfs', 'cgroup2', 'devpts', 'mqueue', 'overlay', 'fuse'].map((kind) => call([165, 40], 'none', '/tmp/home', kind, 0, 0)))",
  'mount binds nothing': "call([165, 40], '/usr', '/tmp/home', 0, 0x1000, 0)",
  'mount opens no read-only mount':
    "Math.max(...['/usr', '/workspace/.git', '/', '/dev'].map((path) => call([165, 40], 'none', path, 0, 0x20 | 0x1000, 0)))",
  'mount changes no propagation': "call([165, 40], 'none', '/', 0, 0x44000, 0)",
  'umount2 takes off no mount':
    "Math.max(...['/workspace/.git', '/proc', '/etc', '/workspace'].map((path) => call([166, 39], path, 2)))",
  'the new mount calls open no file system': "call([430, 430], 'tmpfs', 0)",
  'open_tree clones no mount': "call([428, 428], -100, '/usr', 1)",
  'move_mount moves no mount': "call([429, 429], -100, '/usr', -100, '/tmp/home', 0)",
  'mount_setattr makes nothing writable': "call([442, 442], -100, '/usr', 0x8000, longs(0, 1, 0, 0), 32)",
  'fspick reconfigures no mount': "call([433, 433], -100, '/', 0)",
  'listmount and statmount show no mount of the host':
    'Math.max(call([458, 458], longs(32, -1), longs(0, 0), 1, 0), call([457, 457], longs(24, 1, 2), new Uint8Array(512), 512, 0))',
  'pivot_root changes no root': "call([155, 41], '/tmp', '/tmp')",
  'chroot changes no root': "call([161, 51], '/tmp')",
  'no uid or gid can be mapped':
    "(() => { for (const file of ['setgroups', 'uid_map', 'gid_map']) { try { writeFileSync('/proc/self/' + file, '0 0 1') ; return 0 } catch {} } return -1 })()",
  'the host name cannot be set': "Math.max(call([170, 161], 'x', 1), call([171, 162], 'x', 1))",
  'no uid but its own can be taken':
    'Math.max(call([105, 146], 0), call([117, 147], 0, 0, 0), call([106, 144], 0), call([116, 159], 0, 0), call([122, 151], 0) === 0 ? 0 : -1)',
}

const heldAttack = (name: string, finding: (held: HeldProgram) => string | null): Attack => ({
  group: 'namespace',
  name,
  attempt: async (scene) => finding(await scene.probes('namespace', PROBES)),
})

const NAMESPACES = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup']

export const NAMESPACE_ATTACKS: readonly Attack[] = [
  ...probeAttacks('namespace', PROBES),
  heldAttack('after all of that it is still in the namespaces it was put in', ({ namespaces, firstNamespaces }) => {
    const left = NAMESPACES.filter(
      (kind) => namespaces[kind] === undefined || namespaces[kind] !== firstNamespaces[kind],
    )
    return left.length > 0 ? `other namespaces: ${left.join(' ')}` : null
  }),
  heldAttack('after all of that no mount but the workspace and the temporary folders is writable', ({ mounts }) => {
    const writable = mounts.split('\n').flatMap((line) => /^\S+ \S+ \S+ \S+ (\S+) rw/.exec(line)?.[1] ?? [])
    const known = /^\/(?:workspace|tmp|proc|dev\/(?:shm|pts|null|zero|full|random|urandom|tty))$/
    const strange = writable.filter((path) => !known.test(path))
    return strange.length > 0 || writable.length === 0 ? `writable: ${strange.join(' ')}` : null
  }),
  heldAttack('after all of that it has no capability, and can gain none', ({ status }) => {
    const sets = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].filter((set) => !/^0+$/.test(status[set] ?? ''))
    const free = status['NoNewPrivs'] !== '1' || status['Seccomp'] !== '2'
    return sets.length > 0 || free
      ? `capabilities in ${sets.join(' ')}, NoNewPrivs ${status['NoNewPrivs']}, Seccomp ${status['Seccomp']}`
      : null
  }),
  heldAttack('after all of that it is nobody but the user it was started as', ({ status }) => {
    const ids = new Set(status['Uid']?.split('\t'))
    return ids.size !== 1 || ids.has('0') ? `uids ${[...ids].join(' ')}` : null
  }),
  scriptAttack(
    'namespace',
    'the programs for namespaces and mounts do nothing',
    ({ outside, mark }) => `
    unshare -Urm sh -c 'mount -t tmpfs none /tmp; touch ${outside.dropFolder}/${mark}; cat ${outside.ownerFile}'
    nsenter -t 1 -a cat ${outside.ownerFile}; nsenter -t 1 -m touch ${outside.dropFolder}/${mark}; chroot /proc/1/root cat ${outside.ownerFile}
    mount --bind / /tmp/home && cat /tmp/home${outside.ownerFile}; mount -o remount,rw /usr; umount -l /workspace/.git; fusermount -u /workspace; bwrap --dev-bind / / cat ${outside.ownerFile}`,
  ),
  scriptAttack(
    'namespace',
    "a set-uid program of the system gives nobody else's rights",
    ({ outside, mark }) => `
    for f in $(find /usr/bin /usr/sbin -perm /6000 -type f 2>/dev/null); do ls -l $f; done; su -c 'touch ${outside.dropFolder}/${mark}' </dev/null; sudo -n touch ${outside.dropFolder}/${mark}; pkexec touch ${outside.dropFolder}/${mark}
    newgrp root </dev/null; mount; passwd -S; chsh -s /bin/sh </dev/null; cat /etc/shadow; id`,
  ),
]
