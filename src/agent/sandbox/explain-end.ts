import type { SandboxOutcome } from '../agent.types.ts'
import type { SandboxLimits } from './sandbox.types.ts'
import { showLimit } from './sandbox-limits.ts'

export type KilledBy = Extract<SandboxOutcome, { kind: 'process' }>['killedBy']

/** How a call ended, as far as that tells which limit it met. */
export type CallEnd = {
  readonly killedBy: KilledBy
  readonly exitCode: number | null
  readonly stderr: Uint8Array
  /** The time limit of this call. */
  readonly timeoutMs: number
  /** A control group refused a process. */
  readonly outOfProcesses: boolean
}

const SIGNALLED = 128
const SIGKILL = 9
const SIGXCPU = 24
const SIGXFSZ = 25
/** Complaints stand at the end. */
const STDERR_BYTES_READ = 4096

const bytes = (value: number): string => showLimit(value, 'bytes')

/** Sentences for the model: what ended the call, and what to do instead. None for a call that met no limit. */
export const explainEnd = (end: CallEnd, limits: SandboxLimits): readonly string[] => {
  if (end.killedBy !== null) return [KILLED[end.killedBy](limits, end.timeoutMs)]
  if (end.exitCode === null || end.exitCode === 0) return []
  const stderr = Buffer.from(end.stderr.subarray(-STDERR_BYTES_READ)).toString('utf8')
  return MET_LIMITS.flatMap(({ holds, advice }) => (holds(end, stderr) ? [advice(limits)] : []))
}

const KILLED: Readonly<Record<NonNullable<KilledBy>, (limits: SandboxLimits, timeoutMs: number) => string>> = {
  timeout: ({ wallMsMax }, timeoutMs) =>
    timeoutMs < wallMsMax
      ? `It was killed at its time limit of ${showLimit(timeoutMs, 'milliseconds')}: ask for a longer timeout (at most ${wallMsMax} ms), or split the work.`
      : `It was killed at its time limit of ${showLimit(timeoutMs, 'milliseconds')}, the longest there is: split the work.`,
  output: ({ outputBytesMax }) =>
    `It was killed because it printed too much (several times ${bytes(outputBytesMax)}): send output to a file, and read the part you need.`,
  memory: ({ treeBytesMax }) =>
    `It was killed because it used too much memory (its processes may have ${bytes(treeBytesMax)} together): work on less at a time, or with fewer processes.`,
  disk: ({ diskGrowthBytesMax, diskFreeBytesMin }) =>
    `It was killed because it filled the disk (one call may add ${bytes(diskGrowthBytesMax)}, and must leave ${bytes(diskFreeBytesMin)} free): write less, and delete what is not needed.`,
  files: ({ newFilesMax }) =>
    `It was killed because it made too many files (one call may add ${newFilesMax}): pack them into fewer, or make fewer.`,
  workspace: ({ workspaceBytesMax, workspaceFilesMax }) =>
    `It was killed because /workspace is full (${bytes(workspaceBytesMax)} and ${workspaceFilesMax} files at most): delete what is not needed; "du -sh * .[!.]*" shows what is large.`,
  stop: () => 'It was stopped before it had ended.',
}

type MetLimit = {
  readonly holds: (end: CallEnd, stderr: string) => boolean
  readonly advice: (limits: SandboxLimits) => string
}

/** What the kernel did by itself shows in the exit code or in a complaint. */
const MET_LIMITS: readonly MetLimit[] = [
  {
    holds: ({ exitCode }) => exitCode === SIGNALLED + SIGXCPU,
    advice: ({ cpuSecondsMax }) =>
      `A process was ended because it used ${showLimit(cpuSecondsMax, 'seconds')} of processor time: look for an endless loop, or split the work.`,
  },
  {
    holds: ({ exitCode }, stderr) => exitCode === SIGNALLED + SIGXFSZ || /File too large|EFBIG/.test(stderr),
    advice: ({ fileBytesMax }) =>
      `A file reached ${bytes(fileBytesMax)}, the most that one file may have: write several smaller ones.`,
  },
  {
    holds: ({ exitCode }) => exitCode === SIGNALLED + SIGKILL,
    advice: () => 'A process was killed from outside, most often because memory ended: work on less at a time.',
  },
  {
    holds: ({ outOfProcesses }, stderr) =>
      outOfProcesses || /fork: |Resource temporarily unavailable|EAGAIN|can't start new thread/.test(stderr),
    advice: ({ processesMax }) =>
      `A process could not be started: a call may have ${processesMax} processes and threads; run fewer at the same time.`,
  },
  {
    holds: (_, stderr) => /Too many open files|EMFILE/.test(stderr),
    advice: ({ openFilesMax }) => `A process may have ${openFilesMax} open files: close some, or work in batches.`,
  },
  {
    holds: (_, stderr) => /No space left on device|ENOSPC/.test(stderr),
    advice: ({ temporaryBytesMax }) =>
      `/tmp and /dev/shm hold ${bytes(temporaryBytesMax)} each: put large files into /workspace, and delete what is not needed.`,
  },
  {
    holds: (_, stderr) => /Cannot allocate memory|ENOMEM|MemoryError|out of memory/i.test(stderr),
    advice: ({ dataBytesMax }) => `A process may reserve ${bytes(dataBytesMax)}: work on less at a time.`,
  },
]
