import type { SandboxLimits } from './sandbox.types.ts'

const MIB = 1024 * 1024

/**
 * Limits of one call. The first group is enforced by the kernel as rlimits, which pid 1 of the sandbox sets before it
 * runs anything; the rest by the node: a wall timer, counting of output, and a watchdog.
 */
export const SANDBOX_LIMITS: SandboxLimits = {
  cpuSecondsMax: 60,
  // RLIMIT_DATA counts what Bun reserves for compiled code and heap, 2.3 GiB before the first line: below 3 GiB it starts
  // without its compiler, ten times slower and without bun:ffi. The watchdog bounds what is really used.
  dataBytesMax: 6 * 1024 * MIB,
  fileBytesMax: 512 * MIB,
  processesMax: 256, // counts threads too; a Bun with its pool needs about 20
  openFilesMax: 1024,

  wallMsMax: 600_000,
  outputBytesMax: 1 * MIB, // far beyond what a model reads of one result
  treeBytesMax: 2048 * MIB,
  machineMemoryBytesMin: 256 * MIB,
  temporaryBytesMax: 256 * MIB, // unlimited otherwise: half of the machine's memory each
  diskGrowthBytesMax: 2048 * MIB,
  diskFreeBytesMin: 512 * MIB,
  newFilesMax: 200_000,
}
