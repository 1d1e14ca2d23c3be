/**
 * What one call may use, and what the workspace may hold: a default for everything, each changeable in one setting,
 * `PLAITED_SANDBOX_LIMITS=wall=5m,memory=4GiB`. A value that would leave a call unlimited, or the sandbox unable to work, is
 * refused.
 *
 * CPU, heap, file size, open files and processes are rlimits, which pid 1 of the sandbox sets before it runs anything. Wall
 * time and output are the node's; memory, disk and workspace are looked at by a watchdog, and memory, processes and cores are
 * exact where the node may make control groups.
 */
import type { SandboxLimits } from './sandbox.types.ts'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB
const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS

type Unit = 'bytes' | 'milliseconds' | 'seconds' | 'count'

type Limit = {
  readonly field: keyof SandboxLimits
  readonly unit: Unit
  readonly fallback: number
  readonly min: number
  readonly max: number
  readonly meaning: string
}

/** By the owner's name for it, in the order in which they are shown. */
const ROWS = {
  wall: {
    ...{ field: 'wallMsMax', unit: 'milliseconds', fallback: 10 * MINUTE_MS, min: SECOND_MS, max: 10 * MINUTE_MS },
    meaning: 'the longest time-out that a call may ask for',
  },
  cpu: {
    ...{ field: 'cpuSecondsMax', unit: 'seconds', fallback: 60, min: 1, max: 3600 },
    meaning: 'processor time of one process',
  },
  cores: {
    ...{ field: 'coresMax', unit: 'count', fallback: 1024, min: 1, max: 1024 },
    meaning: 'processors of a call together, where control groups can be made',
  },
  memory: {
    ...{ field: 'treeBytesMax', unit: 'bytes', fallback: 2 * GIB, min: 64 * MIB, max: 1024 * GIB },
    meaning: 'memory of all processes of a call together',
  },
  // RLIMIT_DATA counts what Bun reserves for compiled code and heap, 2.3 GiB before the first line: below 3 GiB it starts
  // without its compiler, ten times slower and without bun:ffi. The limit above bounds what is really used.
  heap: {
    ...{ field: 'dataBytesMax', unit: 'bytes', fallback: 6 * GIB, min: 3 * GIB, max: 1024 * GIB },
    meaning: 'what one process may reserve',
  },
  // Threads count too: a Bun with its pool needs about 20.
  processes: {
    ...{ field: 'processesMax', unit: 'count', fallback: 256, min: 48, max: 32_768 },
    meaning: 'processes and threads of a call',
  },
  'open-files': {
    ...{ field: 'openFilesMax', unit: 'count', fallback: 1024, min: 64, max: 1_048_576 },
    meaning: 'open files of one process',
  },
  file: {
    ...{ field: 'fileBytesMax', unit: 'bytes', fallback: 512 * MIB, min: 16 * MIB, max: 1024 * GIB },
    meaning: 'size of one written file',
  },
  // Far beyond what a model reads of one result. Four times as much is held in memory, and escaped in one frame.
  output: {
    ...{ field: 'outputBytesMax', unit: 'bytes', fallback: MIB, min: 16 * KIB, max: 2 * MIB },
    meaning: 'the end of each of stdout and stderr that is kept; printing four times as much ends the call',
  },
  'kept-output': {
    ...{ field: 'keptOutputBytesMax', unit: 'bytes', fallback: 64 * MIB, min: MIB, max: 16 * GIB },
    meaning: 'all whole outputs in /workspace/.plaited/out together; the oldest go first',
  },
  // Unlimited otherwise: half of the machine's memory each.
  temporary: {
    ...{ field: 'temporaryBytesMax', unit: 'bytes', fallback: 256 * MIB, min: 16 * MIB, max: 64 * GIB },
    meaning: 'each of /tmp and /dev/shm',
  },
  growth: {
    ...{ field: 'diskGrowthBytesMax', unit: 'bytes', fallback: 2 * GIB, min: 16 * MIB, max: 1024 * GIB },
    meaning: 'what one call may add to the disk',
  },
  'new-files': {
    ...{ field: 'newFilesMax', unit: 'count', fallback: 200_000, min: 1000, max: 100_000_000 },
    meaning: 'how many files one call may add',
  },
  workspace: {
    ...{ field: 'workspaceBytesMax', unit: 'bytes', fallback: 16 * GIB, min: 64 * MIB, max: 512 * 1024 * GIB },
    meaning: 'everything in the workspace together',
  },
  'workspace-files': {
    ...{ field: 'workspaceFilesMax', unit: 'count', fallback: 2_000_000, min: 1000, max: 1_000_000_000 },
    meaning: 'all files and folders in the workspace',
  },
  'free-disk': {
    ...{ field: 'diskFreeBytesMin', unit: 'bytes', fallback: 512 * MIB, min: 64 * MIB, max: 1024 * GIB },
    meaning: 'a call that leaves less than this on the disk is ended',
  },
  'free-memory': {
    ...{ field: 'machineMemoryBytesMin', unit: 'bytes', fallback: 256 * MIB, min: 64 * MIB, max: 1024 * GIB },
    meaning: 'a call is ended while the machine has less than this',
  },
} as const satisfies Readonly<Record<string, Limit>>

const LIMITS: Readonly<Record<string, Limit>> = ROWS
type Field = (typeof ROWS)[keyof typeof ROWS]['field']

/** One number for each row; a field of SandboxLimits without one would not compile. */
const fromRows = (value: (limit: Limit, name: string) => number): SandboxLimits =>
  Object.fromEntries(Object.entries(LIMITS).map(([name, limit]) => [limit.field, value(limit, name)])) as Record<
    Field,
    number
  >

/** The limits where the owner has set none. */
export const SANDBOX_LIMITS: SandboxLimits = fromRows(({ fallback }) => fallback)

const SCALES: Readonly<Record<Unit, Readonly<Record<string, number>>>> = {
  bytes: { '': 1, B: 1, KiB: KIB, MiB: MIB, GiB: GIB },
  milliseconds: { ms: 1, s: SECOND_MS, m: MINUTE_MS, h: 60 * MINUTE_MS },
  seconds: { s: 1, m: 60, h: 3600 },
  count: { '': 1 },
}

export type ParsedLimits =
  | { readonly ok: true; readonly limits: SandboxLimits }
  /** Sentences that name the limit, what is wrong, and what to write instead. */
  | { readonly ok: false; readonly faults: readonly string[] }

/** Reads `name=value,name=value`; what is not named keeps its default. */
export const parseSandboxLimits = (text: string): ParsedLimits => {
  const given = new Map<string, number>()
  const faults: string[] = []
  for (const part of text.split(',').map((entry) => entry.trim())) {
    if (part === '') continue
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/.exec(part) ?? [part, part]
    const parsed = parseLimit(name.trim(), value.trim())
    if (typeof parsed === 'string') faults.push(parsed)
    else if (given.has(name.trim())) faults.push(`${name.trim()} is set twice: keep one`)
    else given.set(name.trim(), parsed)
  }
  if (faults.length > 0) return { ok: false, faults }
  return { ok: true, limits: fromRows(({ fallback }, name) => given.get(name) ?? fallback) }
}

/** The number, in the limit's own unit, or what is wrong with it. */
const parseLimit = (name: string, value: string): number | string => {
  const limit = Object.hasOwn(LIMITS, name) ? LIMITS[name] : undefined
  if (limit === undefined)
    return `${JSON.stringify(name)} is no limit: write name=value with one of ${Object.keys(LIMITS).join(', ')}`
  const { unit, min, max, fallback } = limit
  const [, digits = '', suffix = ''] = /^(\d{1,15})([A-Za-z]*)$/.exec(value) ?? []
  const scale = Object.hasOwn(SCALES[unit], suffix) ? SCALES[unit][suffix] : undefined
  if (digits === '' || scale === undefined)
    return `${name}=${value} has no value that can be read: write it like ${name}=${showLimit(fallback, unit)}`
  const number = Number(digits) * scale
  if (number < min) return `${name}=${value} is too little: write ${name}=${showLimit(min, unit)} or more`
  if (number > max) return `${name}=${value} is too much: write ${name}=${showLimit(max, unit)} or less`
  return number
}

/** `512MiB`, `10m`, `256`: as it is written in the setting. */
export const showLimit = (value: number, unit: Unit): string => {
  const [suffix, scale] = Object.entries(SCALES[unit])
    .filter(([, size]) => value % size === 0)
    .reduce((best, next) => (next[1] >= best[1] ? next : best), ['', 1])
  return `${value / scale}${suffix}`
}

/** One line per limit: its name, what holds, and what it is for. */
export const describeLimits = (limits: SandboxLimits): string =>
  Object.entries(LIMITS)
    .map(
      ([name, { field, unit, meaning }]) => `${name.padEnd(16)} ${showLimit(limits[field], unit).padEnd(8)} ${meaning}`,
    )
    .join('\n')
