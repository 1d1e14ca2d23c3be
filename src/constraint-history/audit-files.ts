/** Compares the files of the rules with what was signed, and says how to get back what differs. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { quoteShell } from '../utils/quote-shell.ts'
import type { Steps } from '../utils/steps.ts'
import { objectId, readObject, type Tree } from './git-objects.ts'
import type { AuditFault, AuditOptions } from './history.types.ts'
import { gitDirOf } from './repository.ts'

/** Where the history cannot give it back. */
export const RESTORE_ALL = 'restore data/constraints from a backup'
/** Files between two pauses: about 2 ms. */
const FILES_PER_PAUSE = 64
/** The largest file of a rule is its record, 256 KiB. */
const FILE_BYTES_MAX = 256 * 1024
const OTHERS_WRITE = 0o022
/** What of the repository says which history counts; its objects prove themselves. */
const GUARDED_PARTS = [
  ...['', 'objects', 'refs', 'refs/heads', 'refs/heads/main'],
  ...['HEAD', 'config', 'allowed_signers', 'constraint-keys.json'],
]

type Expectation = {
  readonly expected: Tree
  /** Files of a rule that is being added: they may be there. */
  readonly allowed: Tree
  readonly faultsMax: number
}

/** Compares the folder with the tree of the newest commit. */
export const fileFaults = function* (
  { folder, ownedByRoot = false }: AuditOptions,
  { expected, allowed, faultsMax }: Expectation,
): Steps<readonly AuditFault[]> {
  const faults: AuditFault[] = []
  const present = new Set(namesIn(folder))
  for (const [name, id] of expected)
    if (!present.has(name)) faults.push({ what: `${join(folder, name)} is missing`, mend: takeBack(folder, name, id) })
  if (ownedByRoot) {
    const guarded = [folder, ...GUARDED_PARTS.map((part) => join(gitDirOf(folder), part))]
    faults.push(...guarded.filter((path) => !isRootsAlone(path)).map(notGuarded))
  }
  let seen = 0
  for (const name of present) {
    if (++seen % FILES_PER_PAUSE === 0) yield
    const path = join(folder, name)
    const fault = fileFault(folder, name, { expected, allowed })
    if (fault !== null) faults.push(fault)
    else if (ownedByRoot && !isRootsAlone(path)) faults.push(notGuarded(path))
    if (faults.length >= faultsMax) break
  }
  return faults
}

const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder).filter((name) => name !== '.git')
  } catch {
    return [] // every file is then missing
  }
}

const fileFault = (
  folder: string,
  name: string,
  { expected, allowed }: Pick<Expectation, 'expected' | 'allowed'>,
): AuditFault | null => {
  const path = join(folder, name)
  const signed = expected.get(name)
  const id = signed ?? allowed.get(name)
  if (id === undefined) {
    return {
      what: `${path} was never signed`,
      mend: 'move it elsewhere; rules are added with: plaited constrain add FILE',
    }
  }
  const found = compare(path, id)
  if (found === 'same') return null
  if (found === 'cannot be read') return { what: `${path} ${found}`, mend: `chmod 644 ${quoteShell(path)}` }
  return { what: `${path} ${found}`, mend: signed === undefined ? RESTORE_ALL : takeBack(folder, name, signed) }
}

const compare = (path: string, id: string) => {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return 'is missing'
  if (!found.isFile()) return 'is not a regular file'
  if (found.size > FILE_BYTES_MAX) return 'is not what was signed'
  try {
    return objectId('blob', readFileSync(path)) === id ? 'same' : 'is not what was signed'
  } catch {
    return 'cannot be read' // so nothing proves it
  }
}

/**
 * The command that gives back a file as it was signed. `core.bare` keeps git from checking one out, and an index would be one
 * file too many in the repository: so its content is written there. `safe.directory`: root may mend what another user keeps.
 */
const takeBack = (folder: string, name: string, id: string): string => {
  if (readObject(gitDirOf(folder), 'blob', id) === null) return RESTORE_ALL
  const path = join(folder, name)
  const isInTheWay = lstatSync(path, { throwIfNoEntry: false })?.isFile() === false
  const remove = isInTheWay ? `rm -r ${quoteShell(path)} && ` : ''
  return `${remove}git -c safe.directory='*' -C ${quoteShell(folder)} cat-file blob HEAD:${name} > ${quoteShell(path)}`
}

const isRootsAlone = (path: string): boolean => {
  try {
    const { uid, mode } = lstatSync(path)
    return uid === 0 && (mode & OTHERS_WRITE) === 0
  } catch {
    return false
  }
}

const notGuarded = (path: string): AuditFault => ({
  what: `others than root can change ${path}`,
  mend: `chown root:root ${quoteShell(path)} && chmod go-w ${quoteShell(path)}, then look at what it holds`,
})
