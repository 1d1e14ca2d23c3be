import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from '../../helpers.ts'

/** Folders of the host in which a file of that name would be a way out. */
const DOORS = [
  '/',
  '/bin',
  '/dev/mqueue',
  '/dev/shm',
  '/etc',
  '/etc/cron.d',
  '/home',
  '/opt',
  '/opt/plaited',
  '/root',
  '/run',
  '/srv',
  '/tmp',
  '/usr/bin',
  '/usr/local/bin',
  '/var/tmp',
  '/var/spool/cron',
  projectRoot,
]

/** Looks at the whole host once; what comes back says where a mark is. */
export const searchHost = ({
  heard,
  watched,
}: {
  readonly heard: readonly string[]
  readonly watched: readonly string[]
}): ((mark: string) => readonly string[]) => {
  const folders = [...DOORS, ...watched]
  const places: readonly (readonly [string, string])[] = [
    ...processIds().map((pid) => [`process ${pid}`, read(`/proc/${pid}/cmdline`)] as const),
    ...heard.map((text) => ['a server of the host', text] as const),
    ['an abstract socket', read('/proc/net/unix')],
    ['a key of the kernel', read('/proc/keys')],
    ['the host name', hostname()],
    ...watched.map((folder) => [`a name in ${folder}`, readdirSync(folder).join('\n')] as const),
  ]
  return (mark) => [
    ...folders.map((folder) => join(folder, mark)).filter(existsSync),
    ...places.filter(([, text]) => text.includes(mark)).map(([place]) => place),
  ]
}

const SYSTEM_FILES = [
  '/etc',
  '/etc/passwd',
  '/etc/ld.so.preload',
  '/usr/bin',
  '/bin/bash',
  '/usr/bin/git',
  '/usr/bin/env',
  process.execPath,
]
const KERNEL_FIGURES = [
  'kernel/core_pattern',
  'kernel/hostname',
  'kernel/domainname',
  'kernel/sysrq',
  'kernel/modprobe',
  'kernel/randomize_va_space',
  'vm/overcommit_memory',
  'fs/suid_dumpable',
  'fs/binfmt_misc/status',
]

/** Everything that no attack may move: files, figures of the kernel, and what the victim and this process are granted. */
export const observeHost = ({
  watched,
  workspace,
  victimPid,
}: {
  readonly watched: readonly string[]
  readonly workspace: string
  readonly victimPid: number
}) => {
  const { uid, gid } = statSync(workspace)
  return {
    workspace: { uid, gid },
    files: Object.fromEntries(
      [...SYSTEM_FILES, ...watched.flatMap(withEntries)]
        .filter((path) => path !== workspace)
        .map((path) => [path, describeFile(path)]),
    ),
    kernel: KERNEL_FIGURES.map((name) => read(`/proc/sys/${name}`)),
    victim: {
      ...Object.fromEntries(
        /^(?:State|SigIgn|TracerPid|Cpus_allowed):.*$/gm
          [Symbol.match](read(`/proc/${victimPid}/status`))
          ?.map((line) => [line.replace(/:.*/, ''), line.replace(/\t[RSD] .*/, '')]) ?? [],
      ),
      limits: read(`/proc/${victimPid}/limits`),
      nice: read(`/proc/${victimPid}/stat`)
        .replace(/^.*\) /, '')
        .split(' ')
        .slice(15, 17),
      outOfMemory: read(`/proc/${victimPid}/oom_score_adj`),
    },
    self: {
      nice: read('/proc/self/stat')
        .replace(/^.*\) /, '')
        .split(' ')
        .slice(15, 17),
      limits: read('/proc/self/limits'),
    },
  }
}

const withEntries = (folder: string): readonly string[] => [
  folder,
  ...readdirSync(folder).map((name) => join(folder, name)),
]

/** Enough to see any change: the time of change cannot be set. Folders that the node itself works in change all the time. */
const describeFile = (path: string): string => {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return 'none'
  const { mode, uid, gid, ino, size, ctimeMs } = found
  return [mode.toString(8), uid, gid, ino, ...(found.isDirectory() ? [] : [size, ctimeMs])].join(' ')
}

const processIds = (): readonly string[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name))

/** Empty when it is gone or closed to us. */
export const read = (path: string): string => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
