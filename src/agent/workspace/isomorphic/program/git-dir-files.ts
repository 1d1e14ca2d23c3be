/** What of the git dir is not an object: the lock, the index, the branch, its log. */
import fs from 'node:fs'
import { join } from 'node:path'
import { type IgnoreRules, parseIgnoreRules } from './ignore-rules.ts'
import { formatIndex, type Index, parseIndex } from './index-file.ts'
import type { Signature } from './program.types.ts'
import { hasCode } from './system-error.ts'
import { Unusable } from './unusable.ts'

const BRANCH = 'refs/heads/main'
// The owner's editor takes the index lock for moments at a time: 2 s of patience (20 x 0.1 s) before giving up.
const LOCK_ATTEMPTS_MAX = 20
const LOCK_PAUSE_MS = 100

const readIfThere = (path: string): Buffer | null => {
  try {
    return fs.readFileSync(path)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
}

/** Holds git's own lock on the index while `task` runs; an index that it gives back takes the place of the old one. */
export const withIndex = async <T>(
  gitDir: string,
  task: (index: Index) => Promise<{ readonly index: Index | null; readonly result: T }>,
): Promise<T> => {
  const path = join(gitDir, 'index')
  const lock = await takeLock(`${path}.lock`)
  try {
    const { index, result } = await task(readIndex(path))
    if (index !== null) {
      fs.writeFileSync(lock, formatIndex(index))
      fs.renameSync(`${path}.lock`, path)
    }
    return result
  } finally {
    fs.closeSync(lock)
    fs.rmSync(`${path}.lock`, { force: true })
  }
}

const takeLock = async (path: string): Promise<number> => {
  for (let attempt = 0; attempt <= LOCK_ATTEMPTS_MAX; attempt++) {
    if (attempt > 0) await Bun.sleep(LOCK_PAUSE_MS)
    try {
      return fs.openSync(path, 'wx', 0o666)
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    }
  }
  throw new Unusable('locked')
}

const readIndex = (path: string): Index => {
  const bytes = readIfThere(path)
  return bytes === null ? new Map() : parseIndex(bytes, fs.statSync(path, { bigint: true }).mtimeNs)
}

export const readExcludes = (gitDir: string): IgnoreRules =>
  parseIgnoreRules(readIfThere(join(gitDir, 'info/exclude'))?.toString('latin1') ?? '')

/** The commit that main names, loose or packed. */
const readMain = (gitDir: string): string | null => {
  const loose = readIfThere(join(gitDir, BRANCH))?.toString('latin1').trim()
  if (loose !== undefined) return loose
  const packed = readIfThere(join(gitDir, 'packed-refs'))?.toString('latin1') ?? ''
  return /^([0-9a-f]{40}) refs\/heads\/main$/m.exec(packed)?.[1] ?? null
}

/** Moves main, only from where it was expected, and waits until that is on disk. @throws {Unusable} locked, main-moved */
export const moveMain = async (
  gitDir: string,
  move: { readonly from: string; readonly to: string; readonly why: string; readonly signature: Signature },
): Promise<void> => {
  const path = join(gitDir, BRANCH)
  const lock = await takeLock(`${path}.lock`)
  try {
    if (readMain(gitDir) !== move.from) throw new Unusable('main-moved')
    fs.writeFileSync(lock, `${move.to}\n`)
    fs.fsyncSync(lock)
    fs.renameSync(`${path}.lock`, path)
  } finally {
    fs.closeSync(lock)
    fs.rmSync(`${path}.lock`, { force: true })
  }
  const { committer, at } = move.signature
  const line = `${move.from} ${move.to} ${committer.name} <${committer.email}> ${at} +0000\t${move.why}\n`
  for (const log of ['HEAD', BRANCH]) {
    const file = join(gitDir, 'logs', log)
    fs.mkdirSync(join(file, '..'), { recursive: true })
    fs.appendFileSync(file, line)
  }
}
