/**
 * The object database. Objects of their own file are read and written here; packs, with their deltas, are read by
 * isomorphic-git, which is loaded when there is one. It could do the rest too, but an object must appear whole or not at
 * all, and be on disk before a branch names it: a power cut or a kill would otherwise leave one that no later write
 * replaces.
 */
import { createHash, randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { chmod, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { deflateSync, inflateSync } from 'node:zlib'
import { hasCode } from './system-error.ts'

export type ObjectType = 'blob' | 'tree' | 'commit'

export type Objects = {
  /** Rejects when the object is missing, damaged, or of another type. */
  readonly read: (oid: string, type: ObjectType) => Promise<Uint8Array>
  readonly write: (type: ObjectType, content: Uint8Array) => Promise<string>
  /** Waits until everything written is on disk. Must come before any branch or index names it. */
  readonly flush: () => Promise<void>
}

export const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'

/** Writes whose flushes share the disk's journal; far below the limit on open files. */
const UNFLUSHED_MAX = 64
/** Beyond this much held in memory, waiting saves nothing. */
const UNFLUSHED_BYTES_MAX = 16 * 1024 * 1024
/** zlib's fastest, which is git's own choice for loose objects. */
const LEVEL = 1

const wrap = (type: ObjectType, content: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content])

const sha1 = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex')

/** Name of a blob with this content. */
export const hashBlob = (content: Uint8Array): string => sha1(wrap('blob', content))

export const openObjects = (gitDir: string): Objects => {
  const cache = {} // keeps opened packs
  const unflushed = new Map<string, Buffer>()
  let unflushedBytes = 0

  const flush = async (): Promise<void> => {
    const writes = [...unflushed].map(([oid, bytes]) => store(gitDir, oid, bytes))
    await Promise.all(writes)
    unflushed.clear()
    unflushedBytes = 0
  }

  return {
    read: async (oid, type) => {
      if (oid === EMPTY_TREE) return new Uint8Array()
      if (unflushed.has(oid)) await flush()
      return readLoose(gitDir, oid, type) ?? (await readPacked(gitDir, oid, { type, cache }))
    },
    write: async (type, content) => {
      const bytes = wrap(type, content)
      const oid = sha1(bytes)
      if (unflushed.has(oid) || fs.existsSync(placeOf(gitDir, oid))) return oid
      const deflated = deflateSync(bytes, { level: LEVEL })
      unflushed.set(oid, deflated)
      unflushedBytes += deflated.length
      if (unflushed.size >= UNFLUSHED_MAX || unflushedBytes >= UNFLUSHED_BYTES_MAX) await flush()
      return oid
    },
    flush,
  }
}

const readLoose = (gitDir: string, oid: string, type: ObjectType): Uint8Array | null => {
  try {
    const bytes = inflateSync(fs.readFileSync(placeOf(gitDir, oid)))
    const content = bytes.subarray(bytes.indexOf(0) + 1)
    if (sha1(bytes) !== oid || !bytes.equals(wrap(type, content))) throw new Error(`object ${oid} is no sound ${type}`)
    return content
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
}

const readPacked = async (
  gitDir: string,
  oid: string,
  { type, cache }: { readonly type: ObjectType; readonly cache: object },
): Promise<Uint8Array> => {
  const { readObject } = await import('isomorphic-git')
  const found = await readObject({ fs, gitdir: gitDir, oid, format: 'content', cache })
  if (found.type === type && found.object instanceof Uint8Array) return found.object
  throw new Error(`object ${oid} is not a ${type}`)
}

const placeOf = (gitDir: string, oid: string): string => join(gitDir, 'objects', oid.slice(0, 2), oid.slice(2))

const store = async (gitDir: string, oid: string, bytes: Uint8Array): Promise<void> => {
  const folder = join(gitDir, 'objects', oid.slice(0, 2))
  fs.mkdirSync(folder, { recursive: true })
  const staged = join(folder, `tmp_obj_${randomUUID()}`) // git's own name for it, which its gc prunes
  const file = await open(staged, 'wx', 0o644)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await chmod(staged, 0o444)
  await rename(staged, placeOf(gitDir, oid))
}
