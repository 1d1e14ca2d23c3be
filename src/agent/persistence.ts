/**
 * Opens `events.sqlite`, the truth about everything that happened: WAL, STRICT tables, `synchronous=FULL` so that a
 * committed row survives power loss, one writer (the holder of the lease). Home of bun:sqlite together with the lease.
 */
import { constants, Database } from 'bun:sqlite'
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { NodeError } from '../utils/node-error.ts'
import { MIGRATIONS } from './migrations.ts'

/** How long a statement waits for another process (a backup) to let go of the file. */
const BUSY_TIMEOUT_MS = 5000

/** The first bytes of every database (https://sqlite.org/fileformat.html, 1.3.1). */
const SQLITE_HEADER = 'SQLite format 3\0'

export type State = {
  readonly database: Database
  /**
   * Runs `body` in one transaction; nested calls become savepoints. Every write goes through here, so that its faults are
   * readable and crash tests know of it by its name. @throws {NodeError} as `openState`.
   */
  readonly transaction: <T>(name: string, body: () => T) => T
  readonly close: () => void
}

/** Called with the name of a transaction right after it is durable: crash tests kill the process there. */
export type CommitHook = (name: string) => void

/**
 * Opens the state for the one writer and brings its schema up to date.
 * @throws {NodeError} HOME_UNUSABLE, DISK_FULL or STATE_CORRUPT; the file is never replaced.
 */
export const openState = (path: string, onCommit: CommitHook = () => {}): State =>
  withReadableFaults(path, () => {
    refuseForeignFile(path)
    const database = new Database(path, { create: true, strict: true })
    // An SSH session of another user may read while nobody writes: keep -wal so that it needs no write permission.
    database.fileControl(constants.SQLITE_FCNTL_PERSIST_WAL, 1)
    database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    database.run('PRAGMA journal_mode = WAL')
    database.run('PRAGMA synchronous = FULL')
    database.run('PRAGMA foreign_keys = ON')
    migrate(database, path)
    return toState(database, { path, onCommit })
  })

/**
 * Opens the state for reading, beside a running writer too; null when no writer has brought it to this schema yet.
 * @throws {NodeError} as `openState`, and so does every attempt to write.
 */
export const openStateForReading = (path: string): State | null =>
  withReadableFaults(path, () => {
    if (!existsSync(path)) return null
    refuseForeignFile(path)
    const database = new Database(path, { readonly: true, strict: true })
    try {
      database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
      if (readVersion(database, path) === MIGRATIONS.length) return toState(database, { path, onCommit: () => {} })
    } catch (error) {
      database.close()
      throw error
    }
    database.close()
    return null
  })

/** Whether this home has ever decided by rules, or audited any. @throws {NodeError} as `openState`. */
export const hasHadRules = (path: string): boolean =>
  withReadableFaults(path, () => {
    if (!existsSync(path) || statSync(path).size === 0) return false
    refuseForeignFile(path)
    const database = new Database(path, { readonly: true, strict: true })
    try {
      const hasRows = (table: string): boolean =>
        database.query('select 1 from sqlite_schema where name = ?').get(table) !== null &&
        database.query(`select 1 from ${table} limit 1`).get() !== null
      return ['bp_decisions', 'rule_anchor'].some(hasRows)
    } finally {
      database.close()
    }
  })

/** SQLite would replay a -wal over whatever lies there, and so replace a file that was put in its place. */
const refuseForeignFile = (path: string): void => {
  if (!existsSync(path) || !statSync(path).isFile()) return
  const header = readHeader(path)
  const log = `${path}-wal`
  const isLost = header.length === 0 && existsSync(log) && statSync(log).size > 0
  if (isLost || (header.length > 0 && header !== SQLITE_HEADER)) throw damaged(path)
}

const readHeader = (path: string): string => {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(SQLITE_HEADER.length)
    return bytes.toString('latin1', 0, readSync(file, bytes))
  } finally {
    closeSync(file)
  }
}

const toState = (
  database: Database,
  { path, onCommit }: { readonly path: string; readonly onCommit: CommitHook },
): State => ({
  database,
  transaction: (name, body) => {
    const result = withReadableFaults(path, () => database.transaction(body).immediate())
    if (!database.inTransaction) onCommit(name)
    return result
  },
  close: () => database.close(),
})

/** How many migrations have run. @throws {NodeError} STATE_CORRUPT when there are more than this version knows. */
const readVersion = (database: Database, path: string): number => {
  const version = database.query<{ user_version: number }, []>('PRAGMA user_version').get()?.user_version ?? 0
  if (version <= MIGRATIONS.length) return version
  throw new NodeError('STATE_CORRUPT', `${path} was written by a newer plaited (schema ${version})`, {
    hint: `this version knows schema ${MIGRATIONS.length}; start the newer version, or restore a backup`,
  })
}

const migrate = (database: Database, path: string): void => {
  const version = readVersion(database, path)
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < version) continue
    database.transaction(() => {
      database.run(sql)
      database.run(`PRAGMA user_version = ${index + 1}`)
    })()
  }
}

const withReadableFaults = <T>(path: string, body: () => T): T => {
  try {
    return body()
  } catch (error) {
    throw readableFault(error, path)
  }
}

/** What a fault of SQLite means for the owner, also one that a statement met late; anything else comes back as it is. */
export const readableFault = (error: unknown, path: string): unknown => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'SQLITE_FULL' || code.startsWith('SQLITE_IOERR')) {
    return new NodeError('DISK_FULL', `cannot write ${path}: the disk is full or failing`, {
      hint: 'free some space, then start again; nothing that was acknowledged is lost',
      cause: error,
    })
  }
  if (code === 'SQLITE_READONLY' || code.startsWith('SQLITE_READONLY_') || code.startsWith('SQLITE_CANTOPEN')) {
    return new NodeError('HOME_UNUSABLE', `cannot open ${path} for writing`, {
      hint: 'make the folder writable for this user, or name another with --home',
      cause: error,
    })
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return damaged(path, error)
  }
  return error
}

const damaged = (path: string, cause?: unknown): NodeError =>
  new NodeError('STATE_CORRUPT', `${path} is damaged`, {
    hint: 'keep the file and its -wal and -shm for repair, and restore a backup into an empty home',
    cause,
  })
