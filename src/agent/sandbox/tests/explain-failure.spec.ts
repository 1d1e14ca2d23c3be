import { describe, expect, test } from 'bun:test'
import { explainFailure, type HostFacts, whyNotExecuted } from '../explain-failure.ts'

const plain: HostFacts = {
  filtered: false,
  userNamespacesMax: 96_000,
  userNamespacesForbidden: false,
  userNamespacesRestricted: false,
}
const noNamespaces =
  'bwrap: No permissions to create new namespace, likely because the kernel does not allow non-privileged user namespaces.'

describe('a failure of bubblewrap is explained by what mends it', () => {
  const cases: readonly (readonly [string, Partial<HostFacts>, string, string])[] = [
    ['the default seccomp profile of Docker', { filtered: true }, noNamespaces, 'security_opt: ["seccomp=unconfined"]'],
    [
      'user namespaces counted down to zero',
      { userNamespacesMax: 0 },
      'bwrap: Creating new namespace failed: No space left on device',
      'sysctl -w user.max_user_namespaces=15000',
    ],
    [
      'user namespaces kept for root',
      { userNamespacesForbidden: true },
      noNamespaces,
      'sysctl -w kernel.unprivileged_userns_clone=1',
    ],
    ['a kernel that says no more', {}, noNamespaces, 'allow them on the host'],
    [
      'Ubuntu without a profile for bwrap',
      { userNamespacesRestricted: true },
      'bwrap: setting up uid map: Permission denied',
      'apparmor_restrict_unprivileged_userns=0',
    ],
    [
      'Ubuntu, seen at the network',
      { userNamespacesRestricted: true },
      'bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted',
      'apparmor_restrict_unprivileged_userns=0',
    ],
    [
      'Docker with SYS_ADMIN',
      { filtered: true },
      'bwrap: pivot_root: Operation not permitted',
      'security_opt: ["seccomp=unconfined"]',
    ],
    [
      'a container with a masked /proc',
      {},
      "bwrap: Can't mount proc on /newroot/proc: Operation not permitted",
      'security_opt: ["systempaths=unconfined"]',
    ],
    [
      'the AppArmor profile of Docker',
      {},
      'bwrap: Failed to make / slave: Permission denied',
      'security_opt: ["apparmor=unconfined"]',
    ],
    [
      'a kernel without user namespaces',
      {},
      'bwrap: Creating new namespace failed, likely because the kernel does not support user namespaces.  bwrap must be installed setuid on such systems.',
      'CONFIG_USER_NS',
    ],
    [
      'a kernel without cgroup namespaces',
      {},
      'bwrap: Cannot create new cgroup namespace because the kernel does not support it',
      'Linux 5.6 or newer',
    ],
    [
      'a container without sethostname',
      { filtered: true },
      "bwrap: Can't set hostname to sandbox: Operation not permitted",
      'sethostname',
    ],
    ['an old bubblewrap', {}, 'bwrap: Unknown option --disable-userns', 'bubblewrap 0.8'],
    ['a path the user cannot reach', {}, "bwrap: Can't find source path /root/x: Permission denied", '/root/x'],
    ['a host without bash', {}, 'bwrap: execvp /bin/bash: No such file or directory', 'install /bin/bash'],
    ['a container without SETUID', {}, 'setpriv: setresuid failed: Operation not permitted', 'SETUID'],
    [
      'a full process table',
      {},
      'bwrap: Creating new namespace failed: Resource temporarily unavailable',
      'limit on processes',
    ],
  ]
  test.each(cases)('%s', (_, facts, stderr, mend) => {
    expect(explainFailure({ ...plain, ...facts }, stderr).mend).toContain(mend)
  })

  test('an unknown message is passed on as it is', () => {
    expect(explainFailure(plain, 'bwrap: something new\nmore').reason).toContain('bwrap: something new')
    expect(explainFailure(plain, '').reason).not.toContain('undefined')
  })

  test('the error carries the reason and the mend', () => {
    const stderr = Buffer.from("bwrap: Can't mount proc on /newroot/proc: Operation not permitted")
    const error = whyNotExecuted({ exitCode: 1, stderr })
    expect(error.code).toBe('SANDBOX_UNAVAILABLE')
    expect(error.hint).toContain('systempaths=unconfined')
  })

  test('a sandbox that was killed is a failure and not a lack, whatever the command had printed', () => {
    expect(whyNotExecuted({ exitCode: 137, stderr: Buffer.from('mount: refused') }).code).toBe('SANDBOX_FAILED')
  })
})
