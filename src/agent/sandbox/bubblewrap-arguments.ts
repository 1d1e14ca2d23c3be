/**
 * The recipe of the sandbox: which namespaces, which view of the file system, which environment.
 *
 * Inside there is a read-only toolchain (/usr, plus Bun and ripgrep under /opt/plaited), a private /etc, an empty /tmp, and
 * /workspace. Nothing else of the host has a path. `/workspace/.git` and the git dir are read-only mounts on top, so git can
 * read its history, and nothing inside can plant a hook, a filter or another repository in its place.
 *
 * Ids are mapped one to one: a root inside would change how git, tar and package managers behave and gain nothing.
 * When the node is root, `setpriv` first becomes an ordinary user on the host: limits on processes do not bind the real root.
 */
import type { MakePipe } from './output-pipe.ts'
import type { Bind, SandboxLimits, SandboxMode, SandboxUser } from './sandbox.types.ts'

/** Where the worktree is inside, whatever the home is. */
export const WORKSPACE_INSIDE = '/workspace'
export const BUN_INSIDE = '/opt/plaited/bin/bun'
export const RIPGREP_INSIDE = '/opt/plaited/bin/rg'

/** Status of bubblewrap comes back on this descriptor, the filter goes in on the other; 0 to 2 are the command's. */
const FILTER_DESCRIPTOR = 3
const STATUS_DESCRIPTOR = 4

/** Everything of the host that the recipe names; made and checked by `prepareHost`. */
export type SandboxHost = {
  readonly workspace: string
  readonly gitDir: string
  readonly etcDir: string
  readonly bunPath: string
  readonly ripgrepPath: string
  readonly workerDir: string
  readonly filterPaths: { readonly bash: string; readonly files: string }
  /** How /bin, /lib and the like are laid out on this host. */
  readonly rootEntries: readonly RootEntry[]
  readonly hasAlternatives: boolean
  readonly bubblewrapPath: string
  /** null: the node is an ordinary user already. */
  readonly drop: { readonly to: SandboxUser; readonly setprivPath: string } | null
  readonly mode: SandboxMode
  readonly limits: SandboxLimits
  readonly makePipe: MakePipe
  /** On the command line of every sandbox of this node, and of no other process. */
  readonly mark: string
}

/** `/bin -> usr/bin` on a merged-/usr system, a folder of its own elsewhere. */
export type RootEntry = { readonly path: string; readonly linkTo: string | null }

export type Confinement = {
  /** Later binds lie on top of earlier ones and of the read-only git dir. */
  readonly binds: readonly Bind[]
  readonly environment: Readonly<Record<string, string>>
  readonly cwd: string
  readonly command: readonly string[]
}

const BASE_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/opt/plaited/bin:/usr/local/bin:/usr/bin:/bin',
  HOME: '/tmp/home',
  TMPDIR: '/tmp',
  LANG: 'C.UTF-8',
  TERM: 'dumb',
  USER: 'agent',
  GIT_TERMINAL_PROMPT: '0',
}

/** The whole argument vector, program first. */
export const bubblewrapArguments = (host: SandboxHost, confinement: Confinement): string[] => [
  ...becomeUser(host),
  host.bubblewrapPath,
  ...isolation,
  ...fileSystem(host, confinement.binds),
  '--chdir',
  confinement.cwd,
  ...Object.entries({ ...BASE_ENVIRONMENT, ...confinement.environment }).flatMap(([name, value]) => [
    '--setenv',
    name,
    value,
  ]),
  '--seccomp',
  String(FILTER_DESCRIPTOR),
  '--json-status-fd',
  String(STATUS_DESCRIPTOR),
  '--',
  ...confinement.command,
]

const becomeUser = ({ drop }: SandboxHost): string[] =>
  drop === null
    ? []
    : [
        drop.setprivPath,
        `--reuid=${drop.to.uid}`,
        `--regid=${drop.to.gid}`,
        '--clear-groups',
        '--inh-caps=-all', // bubblewrap refuses to start with inherited capabilities
        '--',
      ]

const isolation: readonly string[] = [
  // Each by name: --unshare-all only tries the user and cgroup namespaces.
  '--unshare-user',
  '--unshare-pid',
  '--unshare-net',
  '--unshare-ipc',
  '--unshare-uts',
  '--unshare-cgroup',
  '--disable-userns', // no further user namespaces inside; a second lock beside the filter
  '--die-with-parent', // without it a daemon outlives the node
  '--as-pid-1', // bubblewrap then ends only after the kernel has killed everything inside
  '--new-session', // no controlling terminal to type into
  '--cap-drop',
  'ALL',
  '--hostname',
  'sandbox',
  '--clearenv',
]

const fileSystem = (host: SandboxHost, binds: readonly Bind[]): string[] => [
  ...readOnly('/usr', '/usr'),
  ...host.rootEntries.flatMap(({ path, linkTo }) =>
    linkTo === null ? readOnly(path, path) : ['--symlink', linkTo, path],
  ),
  ...readOnly(host.etcDir, '/etc'),
  ...(host.hasAlternatives ? readOnly('/etc/alternatives', '/etc/alternatives') : []), // awk, editors, ...
  // A container that masks parts of /proc lets nobody mount a fresh one.
  ...(host.mode === 'full' ? ['--proc', '/proc'] : readOnly('/proc', '/proc')),
  '--dev',
  '/dev',
  ...temporary('/tmp', host.limits),
  '--dir',
  '/tmp/home',
  '--remount-ro',
  '/dev',
  ...temporary('/dev/shm', host.limits),
  ...readOnly(host.bunPath, BUN_INSIDE),
  ...readOnly(host.ripgrepPath, RIPGREP_INSIDE),
  '--bind',
  host.workspace,
  WORKSPACE_INSIDE,
  // Plain binds, not the forms that only try: without a git dir nothing may run.
  ...readOnly(`${host.workspace}/.git`, `${WORKSPACE_INSIDE}/.git`),
  ...readOnly(host.gitDir, host.gitDir),
  ...binds.flatMap(({ source, target, writable }) => [writable ? '--bind' : '--ro-bind', source, target]),
  '--remount-ro',
  '/',
]

const readOnly = (source: string, target: string): string[] => ['--ro-bind', source, target]

const temporary = (target: string, limits: SandboxLimits): string[] => [
  '--size',
  String(limits.temporaryBytesMax),
  '--tmpfs',
  target,
]

/**
 * What pid 1 does before it runs anything: files belong to the group as well (the owner works in the same tree), the kernel
 * kills this first when memory ends, and the limits are set for good. A limit that the host has already set lower stays.
 */
export const limitsScript = (
  { limits, mark }: Pick<SandboxHost, 'limits' | 'mark'>,
  options: { readonly cpuLimited: boolean },
): string => {
  const kibibytes = (bytes: number) => Math.floor(bytes / 1024)
  const limited = [
    'ulimit -c 0',
    ...(options.cpuLimited ? cpuLimit(limits.cpuSecondsMax) : []),
    `ulimit -f ${kibibytes(limits.fileBytesMax)}`,
    `ulimit -n ${limits.openFilesMax}`,
    `ulimit -u ${limits.processesMax}`,
    `ulimit -d ${kibibytes(limits.dataBytesMax)}`,
    'echo 1000 >/proc/self/oom_score_adj',
  ]
  return `: ${mark}; umask 002; { ${limited.join('; ')}; } 2>/dev/null`
}

/** First SIGXCPU, whose number tells why in the exit code, then SIGKILL for a program that does not care. */
const cpuLimit = (seconds: number): string[] => [`ulimit -Ht ${seconds + CPU_GRACE_S}`, `ulimit -St ${seconds}`]
const CPU_GRACE_S = 2

/** A shell that runs no start-up file of anyone. */
export const shellCommand = (script: string, ...positional: readonly string[]): string[] => [
  '/bin/bash',
  '--noprofile',
  '--norc',
  '-c',
  script,
  'bash',
  ...positional,
]

/** Runs `command` as pid 1 under the limits. */
export const limitedCommand = (
  command: readonly string[],
  host: Pick<SandboxHost, 'limits' | 'mark'>,
  options: { readonly cpuLimited: boolean },
): string[] => shellCommand(`${limitsScript(host, options)}; exec "$@"`, ...command)
