/**
 * A file without a name, made ahead: making one is most of the time that a small write takes (0.5 ms of 0.7 on ext4). It
 * has a name only once it is complete, and goes away by itself when the worker does.
 */
import { closeSync, constants, fstatSync, type Stats } from 'node:fs'
import { NEW_FILE_MODE } from './text-file.ts'
import { type WorkspaceRoot, withClosed } from './workspace-root.ts'

/** <fcntl.h>: a file of its own with no name, below the folder that is opened. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY
const SET_GROUP = 0o2000

export type SpareFile = {
  /** Makes the next one, if there is none. Contract: does not throw; some file systems have no such files. */
  readonly prepare: () => void
  /** Its descriptor, now the caller's, when it is what a new file in `folder` would be; else null. */
  readonly take: (folder: number) => number | null
}

export const createSpareFile = (root: WorkspaceRoot): SpareFile => {
  let spare: { readonly descriptor: number; readonly madeIn: Stats } | null = null
  const make = () => {
    const folder = root.open('/workspace', constants.O_RDONLY | constants.O_DIRECTORY)
    return withClosed(folder, () => {
      const flags = constants.O_WRONLY | O_TMPFILE
      return { descriptor: root.openIn(folder, '.', { flags, mode: NEW_FILE_MODE }), madeIn: fstatSync(folder) }
    })
  }
  return {
    prepare: () => {
      try {
        spare ??= make()
      } catch {
        // Then each write makes its own file.
      }
    },
    take: (folder) => {
      if (spare === null) return null
      const { descriptor, madeIn } = spare
      spare = null
      if (givesTheSame(fstatSync(folder), madeIn)) return descriptor
      closeSync(descriptor)
      return null
    },
  }
}

/** A new file lies on its folder's disk, and may inherit its group. */
const givesTheSame = (a: Stats, b: Stats): boolean =>
  a.dev === b.dev && (a.mode & SET_GROUP) === (b.mode & SET_GROUP) && ((a.mode & SET_GROUP) === 0 || a.gid === b.gid)
