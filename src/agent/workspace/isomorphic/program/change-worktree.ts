/**
 * Brings a set of changes into the worktree, whole or not at all. First a rehearsal: nothing may lie where something will
 * be made, and what will be replaced must be what main has. Then all new content is written beside (a full disk is met
 * here), and only then names change, each step with its way back.
 */
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { type Index, isSameStamp, stampOf } from './index-file.ts'
import { hashBlob, type Objects } from './objects.ts'
import { decodePath, folderOf, foldersAbove, joinPath, nameOf } from './paths.ts'
import { hasCode, isSystemError } from './system-error.ts'
import { type FileChange, isSame, type Stored } from './trees.ts'
import { createContent, look, modeOf, namesIn, readContent, type Worktree } from './worktree.ts'

type Tools = { readonly worktree: Worktree; readonly objects: Objects }

export type Changed = 'done' | { readonly outcome: 'in-the-way' | 'put-back'; readonly details: readonly string[] }

/** Paths named when something is in the way. */
const DETAILS_MAX = 20

/** Makes the changes, then runs `seal`; when either fails, everything is put back. */
export const changeWorktree = async (
  tools: Tools,
  {
    changes,
    index,
    seal,
  }: { readonly changes: readonly FileChange[]; readonly index: Index; readonly seal: () => Promise<void> },
): Promise<Changed> => {
  const blocked = await findBlocked(tools, changes, index)
  if (blocked.length > 0) return { outcome: 'in-the-way', details: blocked.slice(0, DETAILS_MAX).map(decodePath) }
  const staged = new Map<string, string>()
  const undo: (() => Promise<void>)[] = []
  try {
    for (const { path, after } of changes)
      if (after !== null) staged.set(path, await naming(path, () => stage(tools, after)))
    await replaceAll(tools, changes, { staged, undo })
    await seal()
    return 'done'
  } catch (error) {
    await goBack(undo, error)
    if (!(error instanceof PathFault)) throw error
    return { outcome: 'put-back', details: [error.message] }
  } finally {
    for (const name of staged.values()) await tools.worktree.inFolder('', (at) => fs.rmSync(at(name), { force: true }))
  }
}

/** Something that the system refused, with the path that it was about. */
class PathFault extends Error {
  constructor(path: string, why: string) {
    super(`${decodePath(path)}: ${why}`)
    this.name = 'PathFault'
  }
}

const naming = async <T>(path: string, task: () => Promise<T>): Promise<T> => {
  try {
    return await task()
  } catch (error) {
    throw isSystemError(error) ? new PathFault(path, error.code) : error
  }
}

/** Takes every step back that it can. @throws {AggregateError} when one could not be taken back. */
const goBack = async (undo: readonly (() => Promise<void>)[], because: unknown): Promise<void> => {
  const failed: unknown[] = []
  for (const step of undo.toReversed()) await step().catch((error: unknown) => failed.push(error))
  if (failed.length > 0) throw new AggregateError([because, ...failed], 'files could not be put back')
}

/**
 * Gives one path of the worktree, at which nothing stands, what is stored, with permissions no wider than `mode`. What
 * stands there after all, or cannot be written, is left for the caller to notice.
 */
export const restorePath = async (
  tools: Tools,
  path: string,
  { stored, mode }: { readonly stored: Stored; readonly mode: number },
): Promise<void> => {
  if ((await stateAt(tools, path)) !== 'nothing') return
  const name = await stage(tools, stored, mode)
  try {
    await makeFolders(tools, path, [])
    await moveIn(tools, name, path)
  } catch (error) {
    await tools.worktree.inFolder('', (at) => fs.rmSync(at(name), { force: true }))
    if (!isSystemError(error)) throw error
  }
}

const stateAt = async ({ worktree }: Tools, path: string): Promise<'nothing' | 'file' | 'folder'> => {
  try {
    const status = await worktree.inParent(path, look)
    return status === null ? 'nothing' : status.isDirectory() ? 'folder' : 'file'
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return 'nothing'
    throw error
  }
}

/** Paths at which the worktree is not what the changes start from. */
const findBlocked = async (tools: Tools, changes: readonly FileChange[], index: Index): Promise<readonly string[]> => {
  const going = new Set(changes.flatMap(({ path, after }) => (after === null ? [path] : [])))
  const blocked: string[] = []
  for (const { path, before } of changes) {
    const isFree = before === null ? await isFreeAt(tools, path, going) : await holds(tools, path, { before, index })
    if (!isFree) blocked.push(path)
  }
  return blocked
}

const holds = async (
  { worktree }: Tools,
  path: string,
  { before, index }: { readonly before: Stored; readonly index: Index },
): Promise<boolean> => {
  try {
    return await worktree.inParent(path, (place) => {
      const status = look(place)
      const mode = status === null ? null : modeOf(status)
      if (status === null || mode !== before.mode) return false
      const known = index.get(path)
      if (known !== undefined && isSameStamp(known.stamp, stampOf(status, mode))) return known.oid === before.oid
      return isSame(before, { mode, oid: hashBlob(readContent(place, mode)) })
    })
  } catch (error) {
    if (isSystemError(error)) return false // what cannot be read cannot be known to be stored
    throw error
  }
}

/** Nothing is there, or a folder of which everything goes; on the way there are folders, or files that go. */
const isFreeAt = async (tools: Tools, path: string, going: ReadonlySet<string>): Promise<boolean> => {
  for (const folder of foldersAbove(path)) {
    const state = await stateAt(tools, folder)
    if (state === 'file') return going.has(folder)
    if (state === 'nothing') return true
  }
  const state = await stateAt(tools, path)
  return state === 'nothing' || (state === 'folder' && (await goesWhole(tools, path, going)))
}

const goesWhole = async (tools: Tools, folder: string, going: ReadonlySet<string>): Promise<boolean> => {
  try {
    for (const name of await tools.worktree.inFolder(folder, namesIn)) {
      const path = joinPath(folder, name)
      if (going.has(path)) continue
      if ((await stateAt(tools, path)) !== 'folder' || !(await goesWhole(tools, path, going))) return false
    }
    return true
  } catch (error) {
    if (isSystemError(error)) return false // what cannot be looked into cannot be known to go
    throw error
  }
}

/** Writes content under a name of our own, which the git dir's excludes know, at the top of the worktree. */
const stage = async ({ worktree, objects }: Tools, { mode, oid }: Stored, permissions?: number): Promise<string> => {
  const content = await objects.read(oid, 'blob')
  const name = `.plaited-${randomUUID()}`
  await worktree.inFolder('', (at) => createContent(at(name), { mode, content, permissions }))
  return name
}

const moveIn = ({ worktree }: Tools, name: string, path: string): Promise<void> =>
  worktree.inFolder('', (top) => worktree.inParent(path, (place) => fs.renameSync(top(name), place)))

/** Deletions first, so that a file can stand where a folder was and the reverse. */
const replaceAll = async (
  tools: Tools,
  changes: readonly FileChange[],
  { staged, undo }: { readonly staged: ReadonlyMap<string, string>; readonly undo: (() => Promise<void>)[] },
): Promise<void> => {
  const { worktree } = tools
  const bringBack = (path: string, before: Stored) => async () => moveIn(tools, await stage(tools, before), path)
  for (const { path, before, after } of changes) {
    if (before === null || after !== null) continue
    await naming(path, () => worktree.inParent(path, (place) => fs.unlinkSync(place)))
    undo.push(bringBack(path, before))
  }
  const gone = changes.flatMap(({ path, after }) => (after === null ? [path] : []))
  await removeEmptied(tools, gone, undo)
  for (const { path, before } of changes) {
    const name = staged.get(path)
    if (name === undefined) continue
    await naming(path, async () => {
      if (before === null) await makeRoom(tools, path, undo)
      await moveIn(tools, name, path)
    })
    undo.push(before === null ? () => worktree.inParent(path, (at) => fs.unlinkSync(at)) : bringBack(path, before))
  }
}

/** Folders for a new file, and none in its place. */
const makeRoom = async (tools: Tools, path: string, undo: (() => Promise<void>)[]): Promise<void> => {
  await makeFolders(tools, path, undo)
  if ((await stateAt(tools, path)) === 'folder') await removeEmptyTree(tools, path, undo)
  if ((await stateAt(tools, path)) !== 'nothing') throw new PathFault(path, 'appeared meanwhile')
}

const removeEmptyTree = async (tools: Tools, folder: string, undo: (() => Promise<void>)[]): Promise<void> => {
  for (const name of await tools.worktree.inFolder(folder, namesIn)) {
    const path = joinPath(folder, name)
    if ((await stateAt(tools, path)) === 'folder') await removeEmptyTree(tools, path, undo)
  }
  await removeIfEmpty(tools, folder, undo)
}

const makeFolders = async ({ worktree }: Tools, path: string, undo: (() => Promise<void>)[]): Promise<void> => {
  for (const folder of foldersAbove(path)) {
    const made = await worktree.inParent(folder, (place) => {
      try {
        fs.mkdirSync(place)
        return true
      } catch (error) {
        if (hasCode(error, 'EEXIST')) return false
        throw error
      }
    })
    if (made) undo.push(() => worktree.inParent(folder, (place) => fs.rmdirSync(place)))
  }
}

/** Folders that held only what has gone, deepest first. */
const removeEmptied = async (tools: Tools, gone: readonly string[], undo: (() => Promise<void>)[]): Promise<void> => {
  const folders = new Set(gone.flatMap((path) => foldersAbove(path)))
  for (const folder of [...folders].sort((a, b) => b.length - a.length)) await removeIfEmpty(tools, folder, undo)
}

/** Removes a folder unless something is in it or it cannot be removed. */
export const removeIfEmpty = async (
  { worktree }: Tools,
  folder: string,
  undo: (() => Promise<void>)[],
): Promise<void> => {
  try {
    await worktree.inFolder(folderOf(folder), (at) => fs.rmdirSync(at(nameOf(folder))))
  } catch (error) {
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP')) return
    throw error
  }
  undo.push(() => worktree.inParent(folder, (place) => fs.mkdirSync(place)))
}
