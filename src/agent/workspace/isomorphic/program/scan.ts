/**
 * One walk over the worktree: every file that a commit would hold, with its content stored where that is new. Files whose
 * stamp the index knows are not read. What git stores nowhere is passed over (empty folders, FIFOs, `.git` of nested
 * repositories, whose other files are plain files); what it would not store is named.
 */
import type { BigIntStats } from 'node:fs'
import { type IgnoreRules, parseIgnoreRules } from './ignore-rules.ts'
import { type Index, type IndexEntry, isSameStamp, type Stamp, stampOf, UNSTAMPED } from './index-file.ts'
import { hashBlob, type Objects } from './objects.ts'
import { foldersAbove, isRefusedName, joinPath, PATH_BYTES_MAX } from './paths.ts'
import { hasCode } from './system-error.ts'
import { type Files, isSame, MODE, type Stored } from './trees.ts'
import { look, modeOf, namesIn, readContent, type Worktree } from './worktree.ts'

const ANYONE_MAY_RUN = 0o111n

/** A larger .gitignore is no list that anyone wrote; without its rules more is committed, not less. */
const RULES_BYTES_MAX = 1024 * 1024

/** A file that differs from main, and that no commit can hold. Its path keeps what main has. */
export type LeftOut = {
  readonly path: string
  readonly why: 'too-large' | 'unreadable' | 'refused'
}

export type Scan = {
  readonly files: Files
  readonly index: Index
  /** Of files that were looked at, as they are now. */
  readonly seen: ReadonlyMap<string, { readonly bytes: number; readonly executable: boolean }>
  readonly leftOut: readonly LeftOut[]
  /** Ignored files and folders, and folders that cannot be read; folders end in a slash. */
  readonly unseen: readonly string[]
}

type ScanOptions = {
  readonly worktree: Worktree
  readonly objects: Objects
  /** What main has. */
  readonly base: Files
  readonly index: Index
  readonly excludes: IgnoreRules
  readonly fileBytesMax: number
}

/** What holds for all that is in a folder. */
type Surroundings = {
  readonly folder: string
  /** Deepest first. */
  readonly rules: readonly { readonly folder: string; readonly judge: IgnoreRules['judge'] }[]
  readonly ignored: boolean
  readonly refused: boolean
}

type Entry = { readonly path: string; readonly place: Buffer; readonly status: BigIntStats }

/** Looks at the whole worktree. Rejects when its top folder cannot be read. */
export const scanWorktree = async (options: ScanOptions): Promise<Scan> => {
  const found = createFindings(options.base)
  await visitFolder({ ...options, found }, { folder: '', rules: [], ignored: false, refused: false })
  return found
}

const createFindings = (base: Files) => {
  const files = new Map<string, Stored>()
  const index = new Map<string, IndexEntry>()
  const leftOut: LeftOut[] = []
  const unseen: string[] = []
  const keep = (path: string, stored: Stored, stamp: Stamp): void => {
    files.set(path, stored)
    index.set(path, { ...stored, stamp })
  }
  /** What cannot be seen counts as unchanged. */
  const keepStored = (path: string): void => {
    const stored = base.get(path)
    if (stored !== undefined) keep(path, stored, UNSTAMPED)
  }
  return {
    ...{ files, index, leftOut, unseen, keep },
    seen: new Map<string, { readonly bytes: number; readonly executable: boolean }>(),
    /** Folders that main has files in. */
    holdsStored: new Set([...base.keys()].flatMap(foldersAbove)),
    leaveOut: (path: string, why: LeftOut['why']): void => {
      leftOut.push({ path, why })
      keepStored(path)
    },
    passOver: (path: string): void => {
      unseen.push(`${path}/`)
      for (const stored of base.keys()) if (stored === path || stored.startsWith(`${path}/`)) keepStored(stored)
    },
  }
}

type Walk = ScanOptions & { readonly found: ReturnType<typeof createFindings> }

const visitFolder = async (walk: Walk, around: Surroundings): Promise<void> => {
  const inside = await walk.worktree.inFolder(around.folder, (at) => visitEntries(walk, around, at))
  for (const folder of inside)
    await visitFolder(walk, folder).catch((error: unknown) => {
      if (!isDenied(error)) throw error
      walk.found.passOver(folder.folder)
    })
}

/** Takes in the files of a folder and gives the folders in it that are to be visited. */
const visitEntries = async (
  walk: Walk,
  around: Surroundings,
  at: (name: string) => Buffer,
): Promise<readonly Surroundings[]> => {
  const names = namesIn(at)
  if (around.refused && names.includes('.git')) {
    walk.found.unseen.push(`${around.folder}/`)
    return []
  }
  const own = names.includes('.gitignore') ? readRules(at('.gitignore')) : null
  const rules = own === null ? around.rules : [{ folder: around.folder, judge: own.judge }, ...around.rules]
  const folders: Surroundings[] = []
  for (const name of names.toSorted()) {
    const folder = name === '.git' ? null : await visitEntry(walk, { ...around, rules }, { name, place: at(name) })
    if (folder !== null) folders.push(folder)
  }
  return folders
}

const visitEntry = async (
  walk: Walk,
  around: Surroundings,
  { name, place }: { readonly name: string; readonly place: Buffer },
): Promise<Surroundings | null> => {
  const { found } = walk
  const path = joinPath(around.folder, name)
  const status = path.length > PATH_BYTES_MAX ? 'denied' : lookOrDenied(place)
  if (status === 'denied') found.passOver(path)
  if (status === 'denied' || status === null) return null
  const isFolder = status.isDirectory()
  const mode = modeOf(status)
  const isIgnored = around.ignored || isIgnoredBy(walk, around, { path, isFolder })
  const isRefused = around.refused || isRefusedName(name, mode === MODE.link ? 'link' : 'file')
  if (isFolder && (found.holdsStored.has(path) || !isIgnored))
    return { ...around, folder: path, ignored: isIgnored, refused: isRefused }
  if (isIgnored && !walk.base.has(path)) found.unseen.push(isFolder ? `${path}/` : path)
  else if (mode !== null) await visitFile(walk, { path, place, status }, { mode, isRefused })
  return null
}

const visitFile = async (
  walk: Walk,
  entry: Entry,
  { mode, isRefused }: { readonly mode: number; readonly isRefused: boolean },
): Promise<void> => {
  const { found, index, base, objects, fileBytesMax } = walk
  const { path, place, status } = entry
  const executable = mode !== MODE.link && (status.mode & ANYONE_MAY_RUN) !== 0n
  found.seen.set(path, { bytes: Number(status.size), executable })
  if (isRefused) return found.leaveOut(path, 'refused')
  const stamp = stampOf(status, mode)
  const known = index.get(path)
  if (known !== undefined && isSameStamp(known.stamp, stamp)) return found.keep(path, { mode, oid: known.oid }, stamp)
  if (status.size > fileBytesMax) return found.leaveOut(path, 'too-large')
  const content = readOrDenied(place, mode)
  if (content === 'denied') return found.leaveOut(path, 'unreadable')
  const stored = { mode, oid: hashBlob(content) }
  if (!isSame(stored, base.get(path) ?? null)) await objects.write('blob', content)
  found.keep(path, stored, stamp)
}

const isIgnoredBy = (
  { excludes }: Walk,
  { rules }: Surroundings,
  { path, isFolder }: { readonly path: string; readonly isFolder: boolean },
): boolean => {
  for (const { folder, judge } of rules) {
    const verdict = judge(folder === '' ? path : path.slice(folder.length + 1), isFolder)
    if (verdict !== null) return verdict
  }
  return excludes.judge(path, isFolder) ?? false
}

/** Rules count only from a file; through a link they could come from anywhere. */
const readRules = (place: Buffer): IgnoreRules | null => {
  const status = lookOrDenied(place)
  if (status === null || status === 'denied' || !status.isFile() || status.size > RULES_BYTES_MAX) return null
  const content = readOrDenied(place, MODE.file)
  return content === 'denied' ? null : parseIgnoreRules(Buffer.from(content).toString('latin1'))
}

const orDenied = <T>(ask: () => T): T | 'denied' => {
  try {
    return ask()
  } catch (error) {
    if (isDenied(error)) return 'denied'
    throw error
  }
}

const lookOrDenied = (place: Buffer) => orDenied(() => look(place))
const readOrDenied = (place: Buffer, mode: number) => orDenied(() => readContent(place, mode))

/** Not readable, or something else by now. */
const isDenied = (error: unknown): boolean => hasCode(error, 'EACCES', 'EPERM', 'EIO', 'ELOOP', 'ENOTDIR', 'ENOENT')
