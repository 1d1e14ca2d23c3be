/**
 * Taking a commit back is a merge: base is the commit's tree, one side is main, the other the tree before the commit. The
 * commit's change disappears, what came after it stays. Files are merged as text, and a file that one side has renamed
 * without changing it is followed to its new name.
 */
import { mergeText } from './merge-text.ts'
import type { Objects } from './objects.ts'
import { foldersAbove } from './paths.ts'
import { compareFiles, type FileChange, type Files, isSame, MODE, type Stored } from './trees.ts'

export type Merged = { readonly files: Files } | { readonly conflicts: readonly string[] }

type Sides = { readonly base: Files; readonly ours: Files; readonly theirs: Files }
type Versions = { readonly base: Stored | null; readonly ours: Stored | null; readonly theirs: Stored | null }

/** What becomes of one changed file: it leaves `from`, and is `to` when something remains of it. */
type Settled = { readonly from: string; readonly to: string; readonly stored: Stored | null } | 'conflict'

/** `ours` with what leads from `base` to `theirs`. */
export const mergeFiles = async (objects: Objects, sides: Sides): Promise<Merged> => {
  const { base, ours, theirs } = sides
  const files = new Map(ours)
  const conflicts: string[] = []
  const ourNames = renames(base, ours)
  const theirNames = renames(base, theirs)
  const newNames = new Set(theirNames.values())
  for (const change of compareFiles(base, theirs)) {
    const { path } = change
    if (change.before === null && newNames.has(path)) continue // settled with its old name
    const names = { ourPath: ourNames.get(path) ?? path, theirPath: theirNames.get(path) ?? path }
    const settled = await settle(objects, sides, { ...change, ...names })
    if (settled === 'conflict') conflicts.push(names.ourPath)
    else {
      files.delete(settled.from)
      if (settled.stored !== null) files.set(settled.to, settled.stored)
    }
  }
  for (const path of files.keys()) if (foldersAbove(path).some((folder) => files.has(folder))) conflicts.push(path)
  return conflicts.length > 0 ? { conflicts: [...new Set(conflicts)].toSorted() } : { files }
}

const settle = async (
  objects: Objects,
  { ours, theirs }: Sides,
  { path, before, ourPath, theirPath }: FileChange & { readonly ourPath: string; readonly theirPath: string },
): Promise<Settled> => {
  const versions = { base: before, ours: ours.get(ourPath) ?? null, theirs: theirs.get(theirPath) ?? null }
  // A file that one side has renamed and the other deleted is for its owner to decide about.
  const isMoved = ourPath !== path || theirPath !== path
  if (isMoved && (versions.ours === null || versions.theirs === null)) return 'conflict'
  const stored = await mergeStored(objects, versions)
  if (stored === 'conflict' || stored?.mode === MODE.repository) return 'conflict'
  if (theirPath === path) return { from: ourPath, to: ourPath, stored }
  const there = ours.get(theirPath) ?? null
  if (ourPath !== path || (there !== null && !isSame(there, versions.theirs))) return 'conflict'
  return { from: path, to: theirPath, stored }
}

/** Old name to new name of the files that a side moved unchanged. Empty files are all alike and tell nothing. */
const renames = (base: Files, side: Files): ReadonlyMap<string, string> => {
  const gone = new Map<string, string>()
  const names = new Map<string, string>()
  const changes = compareFiles(base, side)
  for (const { path, before, after } of changes)
    if (before !== null && after === null && before.oid !== EMPTY_BLOB && before.mode !== MODE.repository)
      gone.set(`${before.mode} ${before.oid}`, path)
  for (const { path, before, after } of changes) {
    const old = before === null && after !== null ? gone.get(`${after.mode} ${after.oid}`) : undefined
    if (old === undefined || after === null) continue
    names.set(old, path)
    gone.delete(`${after.mode} ${after.oid}`)
  }
  return names
}

const EMPTY_BLOB = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'

const mergeStored = async (objects: Objects, { base, ours, theirs }: Versions): Promise<Stored | null | 'conflict'> => {
  if (isSame(ours, theirs) || isSame(base, theirs)) return ours
  if (isSame(base, ours)) return theirs
  if (base === null || ours === null || theirs === null) return 'conflict'
  if (![base, ours, theirs].every(isText)) return 'conflict'
  const mode = ours.mode === base.mode ? theirs.mode : ours.mode
  const oid = await mergeContent(objects, { base: base.oid, ours: ours.oid, theirs: theirs.oid })
  return oid === null ? 'conflict' : { mode, oid }
}

const isText = ({ mode }: Stored): boolean => mode === MODE.file || mode === MODE.program

const mergeContent = async (
  objects: Objects,
  { base, ours, theirs }: { readonly base: string; readonly ours: string; readonly theirs: string },
): Promise<string | null> => {
  if (ours === theirs || base === theirs) return ours
  if (base === ours) return theirs
  const read = async (oid: string) => Buffer.from(await objects.read(oid, 'blob')).toString('latin1')
  const merged = mergeText(await read(base), await read(ours), await read(theirs))
  return merged === null ? null : objects.write('blob', Buffer.from(merged, 'latin1'))
}
