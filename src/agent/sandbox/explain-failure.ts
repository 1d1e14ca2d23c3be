import { readFileSync } from 'node:fs'
import { NodeError } from '../../utils/node-error.ts'

/** What the host says about itself that decides why bubblewrap failed. */
export type HostFacts = {
  /** The node itself runs under a seccomp filter, as in a container. */
  readonly filtered: boolean
  /** user.max_user_namespaces; null when the kernel does not have it. */
  readonly userNamespacesMax: number | null
  /** Debian's kernel.unprivileged_userns_clone is 0. */
  readonly userNamespacesForbidden: boolean
  /** Ubuntu's kernel.apparmor_restrict_unprivileged_userns is 1. */
  readonly userNamespacesRestricted: boolean
}

export type Explanation = { readonly reason: string; readonly mend: string }

/** The sandbox brings a filter of its own, which is stricter than the container's. */
const CONTAINER_PROFILE =
  'add to the service in compose.yaml: security_opt: ["seccomp=unconfined"], or a profile that also allows clone, unshare, mount, umount2, pivot_root and sethostname'
const APPARMOR: Explanation = {
  reason: 'AppArmor takes the rights away that a user namespace needs',
  mend: 'add an AppArmor profile with "userns," for bwrap, or: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
}

/** What bubblewrap prints, and what it means. The first match wins; the texts are those of bubblewrap 0.8 to 0.11. */
const CAUSES: readonly (readonly [RegExp, (facts: HostFacts, found: string) => Explanation])[] = [
  [
    /[Uu]nknown option (\S*)/,
    (_, option) => ({ reason: `bubblewrap is too old for ${option}`, mend: 'install bubblewrap 0.8 or newer' }),
  ],
  [
    /^setpriv: failed to execute (\S+?):/m,
    (_, program) => ({ reason: `${program} does not run`, mend: 'apt-get install --reinstall bubblewrap' }),
  ],
  [
    /^setpriv: (.*)/m,
    (_, message) => ({
      reason: `the sandbox's user cannot be taken on: ${message}`,
      mend: 'give the container the capabilities SETUID and SETGID',
    }),
  ],
  [
    /Resource temporarily unavailable|Cannot allocate memory/,
    () => ({ reason: 'the host has no room for another process', mend: 'raise its limit on processes or its memory' }),
  ],
  [
    /does not support (?:user namespaces|it)\b/,
    () => ({
      reason: 'the kernel is too old for namespaces, or was built without them',
      mend: "boot a kernel with CONFIG_USER_NS and CONFIG_CGROUPS, Linux 5.6 or newer; in a container it is the host's",
    }),
  ],
  [/uid map|gid map|setgroups|RTM_NEWADDR|RTM_NEWLINK|loopback/, () => APPARMOR],
  [
    /[Cc]reating new namespace failed|No permissions to creat\w+ new namespace|unshare user ns/,
    (facts) => namespaceRefused(facts),
  ],
  [/pivot_root/, () => ({ reason: "the container's seccomp profile forbids pivot_root", mend: CONTAINER_PROFILE })],
  [
    /mount proc/,
    () => ({
      reason: 'the container masks parts of /proc, so the sandbox cannot have its own',
      mend: 'add to the service in compose.yaml: security_opt: ["systempaths=unconfined"]; where that cannot be had, PLAITED_SANDBOX=shared-proc is a weaker sandbox: commands then see outside processes and their command lines',
    }),
  ],
  [
    /sethostname|hostname/,
    () => ({ reason: "the container's seccomp profile forbids sethostname", mend: CONTAINER_PROFILE }),
  ],
  [
    /seccomp|SECCOMP/,
    () => ({ reason: 'the kernel does not take system-call filters', mend: 'use a kernel with CONFIG_SECCOMP_FILTER' }),
  ],
  [
    /execvp (\S+?):/,
    (_, program) => ({ reason: `${program} is missing or does not run inside`, mend: `install ${program} under /usr` }),
  ],
  [
    /find source path (\S+?):/,
    (_, path) => ({
      reason: `the sandbox cannot reach ${path}`,
      mend: `make ${path} exist and readable for the sandbox's user`,
    }),
  ],
  [
    /[Mm]ount|Failed to make \/ slave/,
    () => ({
      reason: 'mounting is refused, as the AppArmor profile docker-default does',
      mend: 'add to the service in compose.yaml: security_opt: ["apparmor=unconfined"]',
    }),
  ],
]

/** Says in words why bubblewrap failed and what mends it. */
export const explainFailure = (facts: HostFacts, stderr: string): Explanation => {
  for (const [pattern, explain] of CAUSES) {
    const match = pattern.exec(stderr)
    if (match !== null) return explain(facts, match[1] ?? '')
  }
  const firstLine = stderr.trim().split('\n')[0] ?? ''
  return {
    reason: `bubblewrap ended without a known cause${firstLine === '' ? '' : `: ${firstLine}`}`,
    mend: "look at 'plaited doctor', and report this line",
  }
}

const namespaceRefused = (facts: HostFacts): Explanation => {
  if (facts.userNamespacesMax === 0)
    return { reason: 'the kernel allows no user namespaces', mend: 'sysctl -w user.max_user_namespaces=15000' }
  if (facts.userNamespacesForbidden)
    return { reason: 'the kernel keeps user namespaces for root', mend: 'sysctl -w kernel.unprivileged_userns_clone=1' }
  if (facts.filtered) return { reason: "the container's seccomp profile forbids namespaces", mend: CONTAINER_PROFILE }
  if (facts.userNamespacesRestricted) return APPARMOR
  return {
    reason: 'the kernel refuses user namespaces',
    mend: 'allow them on the host (user.max_user_namespaces, LSM policy), or run the node on a host that does',
  }
}

/** Reads the facts from /proc. */
export const readHostFacts = (): HostFacts => {
  const userNamespacesMax = readLine('/proc/sys/user/max_user_namespaces')
  return {
    filtered: /^Seccomp:\s+2$/m.test(readLine('/proc/self/status') ?? ''),
    userNamespacesMax: userNamespacesMax === null ? null : Number(userNamespacesMax),
    userNamespacesForbidden: readLine('/proc/sys/kernel/unprivileged_userns_clone') === '0',
    userNamespacesRestricted: readLine('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1',
  }
}

const readLine = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null // this kernel does not have the setting
  }
}

/** An exit code from here on stands for a signal. */
const FIRST_SIGNAL_CODE = 128

/** The error for a command that never ran: bubblewrap gave up and said why, or someone ended it. */
export const whyNotExecuted = ({
  exitCode,
  stderr,
}: {
  readonly exitCode: number
  readonly stderr: Uint8Array
}): NodeError => {
  if (exitCode >= FIRST_SIGNAL_CODE)
    return new NodeError('SANDBOX_FAILED', `the sandbox was ended from outside (exit code ${exitCode})`, {
      hint: 'look for what ends processes on this machine, such as a lack of memory, and try again',
    })
  const { reason, mend } = explainFailure(readHostFacts(), Buffer.from(stderr).toString('utf8'))
  return new NodeError('SANDBOX_UNAVAILABLE', reason, { hint: mend })
}
