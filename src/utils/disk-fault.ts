import { NodeError } from './node-error.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT'])
const CLOSED = new Set(['EACCES', 'EPERM', 'EROFS', 'EEXIST', 'EISDIR', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])

/** What a failed file operation on the home means for the owner. Anything else is no operating fault and comes back as it is. */
export const diskFault = (error: unknown, path: string): unknown => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (FULL.has(code)) {
    return new NodeError('DISK_FULL', `cannot write ${path}: the disk is full`, {
      hint: 'free some space, then start again; nothing that was acknowledged is lost',
      cause: error,
    })
  }
  if (CLOSED.has(code)) {
    return new NodeError('HOME_UNUSABLE', `cannot use ${path}: ${error instanceof Error ? error.message : code}`, {
      hint: 'make it writable for this user, or name another folder with --home',
      cause: error,
    })
  }
  return error
}

/** Runs a file operation on the home. @throws {NodeError} DISK_FULL or HOME_UNUSABLE. */
export const onDisk = <T>(path: string, operation: () => T): T => {
  try {
    return operation()
  } catch (error) {
    throw diskFault(error, path)
  }
}
