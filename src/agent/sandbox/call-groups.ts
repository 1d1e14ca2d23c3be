/**
 * Control groups (cgroup v2) for calls, where the node may make them: the kernel then counts exactly what the watchdog can
 * only look at from time to time, tmpfs and socket buffers included, and ends a call as a whole.
 *
 * The folder of the node's own group has to be its to write: an ordinary user was given it by the system (systemd's
 * `Delegate=yes`), root has it only at the top of a cgroup namespace, as in a container; anywhere else it belongs to the
 * system's own manager. A group with children may hold no process itself, so the node first moves into a leaf. Whatever of
 * this does not work leaves everything as it was, and rlimits and watchdog hold alone.
 */
import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import type { SandboxLimits } from './sandbox.types.ts'

const NEEDED = ['memory', 'pids'] as const
const CPU_PERIOD_US = 100_000

export type CallGroup = {
  /** What the kernel refused or ended in the group. Contract: does not throw. */
  readonly events: () => { readonly outOfMemory: boolean; readonly outOfProcesses: boolean }
  /** Takes the empty group away. Contract: does not throw; a group that is still busy goes with the next one. */
  readonly remove: () => void
}

export type CallGroups = {
  /** Puts a process, which has no children yet, into a new group; null when the kernel refuses. */
  readonly hold: (pid: number) => CallGroup | null
  /** Leaves the folder as it was found, as far as that is possible. */
  readonly close: () => void
}

type Folder = {
  readonly path: string
  /** How an empty group is taken away; a test's folder is not emptied by the kernel. */
  readonly remove?: (path: string) => void
}

/** Groups below `path`, or null when they cannot be made there. */
export const openCallGroups = (
  { path, remove = rmdirSync }: Folder,
  limits: Pick<SandboxLimits, 'treeBytesMax' | 'processesMax' | 'coresMax'>,
): CallGroups | null => {
  const nodeGroup = join(path, `plaited-${process.pid}-node`)
  const controllers = attempt(() => readFileSync(join(path, 'cgroup.controllers'), 'latin1').trim().split(' ')) ?? []
  if (!NEEDED.every((name) => controllers.includes(name))) return null
  const wanted = [...NEEDED, ...(controllers.includes('cpu') ? ['cpu'] : [])]
  const moveTo = (group: string) => writeFileSync(join(group, 'cgroup.procs'), String(process.pid))
  const leave = () => {
    attempt(() => moveTo(path))
    attempt(() => remove(nodeGroup))
  }
  const opened = attempt(() => {
    accessSync(join(path, 'cgroup.subtree_control'), constants.W_OK)
    mkdirSync(nodeGroup)
    moveTo(nodeGroup)
    writeFileSync(join(path, 'cgroup.subtree_control'), wanted.map((name) => `+${name}`).join(' '))
    return true
  })
  if (!opened) {
    leave()
    return null
  }

  let lastNumber = 0
  const emptied = new Set<string>()
  const sweep = () => {
    for (const group of emptied) {
      attempt(() => {
        remove(group)
        emptied.delete(group)
      })
    }
  }
  return {
    hold: (pid) => {
      const group = join(path, `plaited-${process.pid}-${++lastNumber}`)
      const held = attempt(() => {
        mkdirSync(group)
        writeFileSync(join(group, 'memory.max'), String(limits.treeBytesMax))
        attempt(() => writeFileSync(join(group, 'memory.swap.max'), '0')) // a kernel without swap has no such file
        writeFileSync(join(group, 'memory.oom.group'), '1') // all of the call, not one process of it
        writeFileSync(join(group, 'pids.max'), String(limits.processesMax))
        if (wanted.includes('cpu')) writeFileSync(join(group, 'cpu.max'), cpuMax(limits.coresMax))
        writeFileSync(join(group, 'cgroup.procs'), String(pid))
        return true
      })
      const discard = () => {
        emptied.add(group)
        sweep()
      }
      if (!held) {
        discard()
        return null
      }
      return {
        events: () => ({
          outOfMemory: countOf(join(group, 'memory.events'), 'oom_kill') > 0,
          outOfProcesses: countOf(join(group, 'pids.events'), 'max') > 0,
        }),
        remove: discard,
      }
    },
    close: () => {
      sweep()
      attempt(() => writeFileSync(join(path, 'cgroup.subtree_control'), wanted.map((name) => `-${name}`).join(' ')))
      leave()
    },
  }
}

const cpuMax = (cores: number): string =>
  cores >= availableParallelism() ? 'max' : `${cores * CPU_PERIOD_US} ${CPU_PERIOD_US}`

const countOf = (path: string, name: string): number => {
  const text = attempt(() => readFileSync(path, 'latin1')) ?? ''
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
}

/** null when the kernel says no: this whole file is about what may or may not be possible. */
const attempt = <T>(act: () => T): T | null => {
  try {
    return act()
  } catch {
    return null
  }
}

/**
 * The folder of the group that the node is in and may divide, or null.
 * @param mounts text of /proc/self/mountinfo; `own` that of /proc/self/cgroup
 */
export const findGroupFolder = (mounts: string, own: string, isRoot: boolean): string | null => {
  const group = /^0::(\/.*)$/m.exec(own)?.[1]
  // mountinfo(5): the root of the mount, where it is, its options, then after a dash the type
  const mount = /^\d+ \d+ \S+ (?<root>\S+) (?<point>\S+) (?<options>\S+) .*?- cgroup2 /m.exec(mounts)?.groups
  if (group === undefined || mount === undefined || !/^rw\b/.test(mount['options'] ?? '')) return null
  if (isRoot && group !== '/') return null
  return resolve(mount['point'] ?? '/', `.${group}`)
}

/** The same for this process. */
export const ownGroupFolder = (): string | null =>
  attempt(() =>
    findGroupFolder(
      readFileSync('/proc/self/mountinfo', 'latin1'),
      readFileSync('/proc/self/cgroup', 'latin1'),
      process.getuid?.() === 0,
    ),
  )
