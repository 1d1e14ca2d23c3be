/**
 * One node per home: an exclusive SQLite transaction on `lease.sqlite`, which the kernel frees when the holder dies, kill
 * -9 included. A pid file could name a dead or a foreign process; this cannot.
 */
import { Database } from 'bun:sqlite'
import { NodeError } from '../utils/node-error.ts'

/** Holds the home. Keep the object referenced: when its handle is garbage collected the lease is free. */
export type Lease = { readonly release: () => void }

/** @throws {NodeError} HOME_LOCKED when another process holds it, HOME_UNUSABLE when the file cannot be written. */
export const takeLease = (path: string): Lease => {
  let database: Database | null = null
  try {
    database = new Database(path, { create: true, strict: true })
    database.run('PRAGMA busy_timeout = 0')
    database.run('BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code.startsWith('SQLITE_BUSY')) {
      throw new NodeError('HOME_LOCKED', 'another plaited process is using this home', {
        hint: "'plaited status' shows it; stop it, or name another folder with --home",
        cause: error,
      })
    }
    throw new NodeError('HOME_UNUSABLE', `cannot write ${path}`, {
      hint: 'make the folder writable for this user, or name another with --home',
      cause: error,
    })
  }
  const held = database
  return {
    release: () => {
      held.run('ROLLBACK')
      held.close()
    },
  }
}
