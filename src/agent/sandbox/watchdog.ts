import { readdirSync, readFileSync, statfsSync } from 'node:fs'
import type { SandboxLimits } from './sandbox.types.ts'
import type { Room } from './workspace-usage.ts'

/** How long a command can grow unseen: at 1 GiB/s of memory that is 50 MiB. */
const INTERVAL_MS = 50

export type Breach = 'memory' | 'disk' | 'files' | 'workspace'

/**
 * Looks at a running call from outside and reports the first breach of the limits that no rlimit covers: the memory of all
 * its processes together, the memory left on the machine, and what it adds to the workspace's file system. Returns how to stop.
 * Control groups are exact about memory (call-groups.ts), but a container seldom lets a node write them.
 */
export const startWatchdog = ({
  pid,
  workspace,
  limits,
  room,
  onBreach,
}: {
  readonly pid: number
  readonly workspace: string
  readonly limits: SandboxLimits
  /** What the workspace has left; null while nobody knows. */
  readonly room: Room | null
  readonly onBreach: (what: Breach) => void
}): (() => void) => {
  const before = readDisk(workspace)
  const look = () => {
    if (isOutOfMemory(pid, limits)) onBreach('memory')
    const breach = diskBreach(before, readDisk(workspace), { limits, room })
    if (breach !== null) onBreach(breach)
  }
  const timer = setInterval(look, INTERVAL_MS)
  return () => clearInterval(timer)
}

/** The same for memory alone. */
export const startMemoryWatch = (pid: number, limits: MemoryLimits, onBreach: () => void): (() => void) => {
  const timer = setInterval(() => isOutOfMemory(pid, limits) && onBreach(), INTERVAL_MS)
  return () => clearInterval(timer)
}

type MemoryLimits = Pick<SandboxLimits, 'treeBytesMax' | 'machineMemoryBytesMin'>

const isOutOfMemory = (pid: number, { treeBytesMax, machineMemoryBytesMin }: MemoryLimits): boolean =>
  treeBytes(pid) > treeBytesMax || machineMemoryBytes() < machineMemoryBytesMin

type Disk = { readonly freeBytes: number; readonly freeFiles: number }

/** null when the workspace is gone: then nothing can be said about its disk, and the call must end. */
const readDisk = (path: string): Disk | null => {
  try {
    const { bavail, bsize, ffree } = statfsSync(path)
    return { freeBytes: bavail * bsize, freeFiles: ffree }
  } catch {
    return null
  }
}

const diskBreach = (
  before: Disk | null,
  now: Disk | null,
  { limits, room }: { readonly limits: SandboxLimits; readonly room: Room | null },
): Breach | null => {
  if (before === null || now === null) return 'disk'
  const addedBytes = before.freeBytes - now.freeBytes
  const addedFiles = before.freeFiles - now.freeFiles
  if (addedBytes > limits.diskGrowthBytesMax || now.freeBytes < limits.diskFreeBytesMin) return 'disk'
  if (addedFiles > limits.newFilesMax) return 'files'
  return room !== null && (addedBytes > room.bytes || addedFiles > room.files) ? 'workspace' : null
}

/** Memory that only this tree uses (anonymous and shared), summed over all processes in it. */
const treeBytes = (root: number): number => {
  let kibibytes = 0
  const waiting = [root]
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    const status = readProcess(`/proc/${pid}/status`)
    kibibytes += fieldOf(status, 'RssAnon') + fieldOf(status, 'RssShmem')
    waiting.push(...childrenOf(pid))
  }
  return kibibytes * 1024
}

/** A child belongs to the thread that made it, so every thread is asked. */
const childrenOf = (pid: number): number[] => {
  let threads: string[]
  try {
    threads = readdirSync(`/proc/${pid}/task`)
  } catch {
    return [] // it has ended meanwhile
  }
  return threads.flatMap((thread) =>
    readProcess(`/proc/${pid}/task/${thread}/children`)
      .split(' ')
      .filter((child) => child !== '')
      .map(Number),
  )
}

/** None where it cannot be read: a call that nobody can watch must end. */
const machineMemoryBytes = (): number => fieldOf(readProcess('/proc/meminfo'), 'MemAvailable') * 1024

const fieldOf = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)

/** A process may end between two looks; then it uses nothing. */
const readProcess = (path: string): string => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
