/**
 * Git's objects, read and written here rather than by git: the keeper runs as root and starts no program, and an audit of a
 * thousand commits must not start a thousand. Only what this repository needs: loose objects, and flat trees of plain files.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { deflateSync, inflateSync } from 'node:zlib'
import { makeOpenFolder, syncFolder, writeWhole } from './write-whole.ts'

export type ObjectType = 'blob' | 'tree' | 'commit'

/** A tree of 30,000 files, three for each of 10,000 rules, is below this; a compressed bomb is not. */
const OBJECT_BYTES_MAX = 4 * 1024 * 1024
const FILE_MODE = '100644'
const ID_BYTES = 20

const objectHeader = (type: ObjectType, content: Uint8Array): string => `${type} ${content.length}\0`

export const objectId = (type: ObjectType, content: Uint8Array): string =>
  createHash('sha1').update(objectHeader(type, content)).update(content).digest('hex')

const objectPath = (gitDir: string, id: string): string => join(gitDir, 'objects', id.slice(0, 2), id.slice(2))

/** Writes an object unless it is there, and returns its id. */
export const writeObject = (gitDir: string, type: ObjectType, content: Uint8Array): string => {
  const id = objectId(type, content)
  const path = objectPath(gitDir, id)
  if (readObject(gitDir, type, id) !== null) return id
  const folder = dirname(path)
  if (!existsSync(folder)) makeOpenFolder(folder)
  writeWhole(path, deflateSync(Buffer.concat([Buffer.from(objectHeader(type, content)), content])))
  return id
}

/** Puts the names of objects on the disk; their content is there since they were written. */
export const syncObjects = (gitDir: string, ids: readonly string[]): void => {
  for (const folder of new Set(ids.map((id) => dirname(objectPath(gitDir, id))))) syncFolder(folder)
  syncFolder(join(gitDir, 'objects'))
}

/** The content of an object, proven by its id; null when it is missing, packed, damaged, or of another type. */
export const readObject = (gitDir: string, type: ObjectType, id: string): Buffer | null => {
  let bytes: Buffer
  try {
    bytes = inflateSync(readFileSync(objectPath(gitDir, id)), { maxOutputLength: OBJECT_BYTES_MAX })
  } catch {
    return null
  }
  if (createHash('sha1').update(bytes).digest('hex') !== id) return null
  const content = bytes.subarray(bytes.indexOf(0) + 1)
  return bytes.toString('latin1', 0, bytes.length - content.length) === objectHeader(type, content) ? content : null
}

/** File name -> id of its content. */
export type Tree = ReadonlyMap<string, string>

export const encodeTree = (tree: Tree): Buffer =>
  Buffer.concat(
    [...tree]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, id]) => [Buffer.from(`${FILE_MODE} ${name}\0`), Buffer.from(id, 'hex')]),
  )

/** null when the tree holds anything but plain files, or is not written as git writes it. */
export const parseTree = (bytes: Buffer): Tree | null => {
  const tree = new Map<string, string>()
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(0, at)
    const [mode, name] = bytes.toString('utf8', at, end).split(' ')
    if (end < 0 || mode !== FILE_MODE || name === undefined) return null
    at = end + 1 + ID_BYTES
    tree.set(name, bytes.toString('hex', end + 1, at))
  }
  return encodeTree(tree).equals(bytes) ? tree : null
}
