/**
 * How full the workspace is. Counting is done by du in a sandbox of its own, so that no planted link or loop is followed by
 * the node, and off the path of the calls: once after the first call, and again when the disk has changed by so much that
 * the last count says little. In between the change of the disk's free space stands for the change of the workspace, which
 * errs on the full side when others write too; the next count mends that.
 */
import { statfsSync } from 'node:fs'
import { WORKSPACE_INSIDE } from './bubblewrap-arguments.ts'
import type { RunConfined, SandboxLimits } from './sandbox.types.ts'
import { showLimit } from './sandbox-limits.ts'

/** Counted anew after this much of change, or sooner when little room is left. */
const STALE_BYTES = 256 * 1024 * 1024
const STALE_FILES = 20_000
const STALE_SHARE_OF_ROOM = 0.25
/** Millions of files take this long; a tree that takes longer counts as full. */
const COUNTING_S_MAX = 50
const TIMEOUT_MS = 60_000
/** So that a command can run that deletes what is too much. */
const ROOM_WHEN_FULL = { bytes: 16 * 1024 * 1024, files: 1000 }

export type Room = { readonly bytes: number; readonly files: number }

export type WorkspaceUsage = {
  /** What a command may add; null while nothing was counted. */
  readonly room: () => Room | null
  /** Whether nothing more may be written. Counts first when the last count said so. Contract: does not reject. */
  readonly isFull: () => Promise<boolean>
  /** To be called after each call that may have written; counts in the background when that is due. */
  readonly noteCall: () => void
}

type Count = Room & { readonly free: Room | null }

export const createWorkspaceUsage = (
  workspace: string,
  limits: Pick<SandboxLimits, 'workspaceBytesMax' | 'workspaceFilesMax'>,
  run: RunConfined,
): WorkspaceUsage => {
  let count: Count | null = null
  let counting: Promise<void> | null = null

  const measure = async (): Promise<void> => {
    const free = readFree(workspace)
    const used = await countFiles(run)
    count = { ...(used ?? { bytes: limits.workspaceBytesMax, files: limits.workspaceFilesMax }), free }
  }
  const measureOnce = (): Promise<void> => {
    counting ??= measure()
      .catch(() => {}) // a sandbox that cannot be had is met, and told, by the next call
      .finally(() => {
        counting = null
      })
    return counting
  }
  const left = (counted: Count): Room => {
    const { bytes, files } = changeSince(counted, readFree(workspace))
    return {
      bytes: limits.workspaceBytesMax - counted.bytes - Math.max(0, bytes),
      files: limits.workspaceFilesMax - counted.files - Math.max(0, files),
    }
  }
  const isOver = () => {
    if (count === null) return false
    const { bytes, files } = left(count)
    return bytes <= 0 || files <= 0
  }
  const isStale = (counted: Count): boolean => {
    const changed = changeSince(counted, readFree(workspace))
    const room = left(counted)
    return (
      Math.abs(changed.bytes) > Math.min(STALE_BYTES, Math.max(0, room.bytes) * STALE_SHARE_OF_ROOM) ||
      Math.abs(changed.files) > Math.min(STALE_FILES, Math.max(0, room.files) * STALE_SHARE_OF_ROOM)
    )
  }

  return {
    room: () => {
      if (count === null) return null
      return isOver() ? ROOM_WHEN_FULL : left(count)
    },
    isFull: async () => {
      if (!isOver()) return false
      await measureOnce()
      return isOver()
    },
    noteCall: () => {
      if (count === null || isOver() || isStale(count)) void measureOnce()
    },
  }
}

/** What the owner's limit allows, in words for the file tools. */
export const describeFull = (limits: {
  readonly workspaceBytesMax: number
  readonly workspaceFilesMax: number
}): string =>
  `/workspace is full (${showLimit(limits.workspaceBytesMax, 'bytes')} and ${limits.workspaceFilesMax} files at most): delete what is not needed with bash, then write again`

/** null when the workspace is gone; the watchdog then ends the call. */
const readFree = (path: string): Room | null => {
  try {
    const { bavail, bsize, ffree } = statfsSync(path)
    return { bytes: bavail * bsize, files: ffree }
  } catch {
    return null
  }
}

const changeSince = ({ free }: Count, now: Room | null): Room =>
  free === null || now === null
    ? { bytes: 0, files: 0 }
    : { bytes: free.bytes - now.bytes, files: free.files - now.files }

/** null when it took too long. Exit code 1 is a folder that may not be read: then what was counted counts. */
const countFiles = async (run: RunConfined): Promise<Room | null> => {
  const du = `du -sxk ${WORKSPACE_INSIDE}; du -sx --inodes ${WORKSPACE_INSIDE}`
  const argv = ['timeout', String(COUNTING_S_MAX), '/bin/sh', '-c', du]
  const request = { argv, binds: [], environment: {}, stdin: null, cwd: '/' }
  const { stdout } = await run({ ...request, timeoutMs: TIMEOUT_MS })
  const numbers = Buffer.from(stdout).toString('latin1').match(/^\d+/gm)?.map(Number) ?? []
  const [kibibytes, files] = numbers
  return kibibytes === undefined || files === undefined ? null : { bytes: kibibytes * 1024, files }
}
