import type { Objects } from './objects.ts'
import { EMPTY_TREE } from './objects.ts'
import { decodePath, isRefusedName, joinPath } from './paths.ts'
import type { Change } from './program.types.ts'

export const MODE = {
  file: 0o100644,
  program: 0o100755,
  link: 0o120000,
  repository: 0o160000,
  folder: 0o40000,
} as const

export type Stored = { readonly mode: number; readonly oid: string }

/** All files of a tree by their whole path. */
export type Files = ReadonlyMap<string, Stored>

export type FileChange = { readonly path: string; readonly before: Stored | null; readonly after: Stored | null }

const OID_BYTES = 20
const OID = /^[0-9a-f]{40}$/
const EMPTY: Files = new Map()

/** @throws {Error} when the bytes are no tree. */
export const parseTree = (bytes: Uint8Array): readonly (Stored & { readonly name: string })[] => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: (Stored & { name: string })[] = []
  for (let at = 0; at < buffer.length;) {
    const space = buffer.indexOf(0x20, at)
    const zero = buffer.indexOf(0, space)
    const end = zero + 1 + OID_BYTES
    const mode = Number.parseInt(buffer.toString('latin1', at, space), 8)
    const name = buffer.toString('latin1', space + 1, zero)
    if (space === -1 || zero === -1 || end > buffer.length || Number.isNaN(mode) || !isSafeName(name))
      throw new Error('a tree of the repository cannot be read')
    entries.push({ mode, name, oid: buffer.toString('hex', zero + 1, end) })
    at = end
  }
  return entries
}

// A tree that someone else wrote must not lead a restore out of the worktree.
const isSafeName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !isRefusedName(name, 'file')

/** Reads the files of a tree, all folders included. Modes that old gits wrote count as what git takes them for. */
export const readFiles = async (objects: Objects, tree: string): Promise<Files> => {
  if (tree === EMPTY_TREE) return EMPTY
  const files = new Map<string, Stored>()
  const visit = async (oid: string, folder: string): Promise<void> => {
    for (const entry of parseTree(await objects.read(oid, 'tree'))) {
      const path = joinPath(folder, entry.name)
      if (entry.mode === MODE.folder) await visit(entry.oid, path)
      else files.set(path, { mode: canonical(entry.mode), oid: entry.oid })
    }
  }
  await visit(tree, '')
  return files
}

const canonical = (mode: number): number => {
  if (mode === MODE.link || mode === MODE.repository) return mode
  return mode & 0o100 ? MODE.program : MODE.file
}

type Folder = { readonly files: Map<string, Stored>; readonly folders: Map<string, Folder> }

const newFolder = (): Folder => ({ files: new Map(), folders: new Map() })

/** Stores the trees of these files and names the topmost. */
export const writeFiles = async (objects: Objects, files: Files): Promise<string> => {
  const root = newFolder()
  for (const [path, stored] of files) {
    const names = path.split('/')
    const name = names.pop() ?? ''
    const folder = names.reduce((parent, part) => childOf(parent, part), root)
    folder.files.set(name, stored)
  }
  return writeFolder(objects, root)
}

const childOf = (parent: Folder, name: string): Folder => {
  const known = parent.folders.get(name)
  if (known !== undefined) return known
  const made = newFolder()
  parent.folders.set(name, made)
  return made
}

const writeFolder = async (objects: Objects, { files, folders }: Folder): Promise<string> => {
  const entries = [...files].map(([name, { mode, oid }]) => ({ name, mode, oid, key: name }))
  for (const [name, folder] of folders)
    entries.push({ name, mode: MODE.folder, oid: await writeFolder(objects, folder), key: `${name}/` })
  entries.sort((a, b) => (a.key < b.key ? -1 : 1)) // git's order: a folder sorts as if its name ended in a slash
  const parts = entries.flatMap(({ name, mode, oid }) => {
    if (!OID.test(oid)) throw new Error(`not an object name: ${oid}`)
    return [Buffer.from(`${mode.toString(8)} ${name}\0`, 'latin1'), Buffer.from(oid, 'hex')]
  })
  return objects.write('tree', Buffer.concat(parts))
}

/** What turns `before` into `after`, in git's order of paths. */
export const compareFiles = (before: Files, after: Files): readonly FileChange[] => {
  const changes: FileChange[] = []
  for (const [path, stored] of before) {
    const now = after.get(path) ?? null
    if (now === null || !isSame(stored, now)) changes.push({ path, before: stored, after: now })
  }
  for (const [path, stored] of after) if (!before.has(path)) changes.push({ path, before: null, after: stored })
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1))
}

export const isSame = (a: Stored | null, b: Stored | null): boolean =>
  a === b || (a !== null && b !== null && a.mode === b.mode && a.oid === b.oid)

/** The same for the record and for people. */
export const toChanges = (changes: readonly FileChange[]): readonly Change[] =>
  changes.map(({ path, before, after }) => ({
    path: decodePath(path),
    change: kindOf({ before, after }),
  }))

export const kindOf = ({ before, after }: Pick<FileChange, 'before' | 'after'>): Change['change'] =>
  before === null ? 'added' : after === null ? 'deleted' : 'modified'
