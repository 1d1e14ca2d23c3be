/** What keeps the folder of the rules, or their history in it, from being looked into at all. */
import { accessSync, constants, lstatSync } from 'node:fs'
import { join } from 'node:path'
import { quoteShell } from '../utils/quote-shell.ts'
import type { AuditFault } from './history.types.ts'
import { gitDirOf } from './repository.ts'

/** Folders of the history, each behind the one that it lies in. */
const HISTORY_FOLDERS = ['', 'objects', 'refs', 'refs/heads']

/** Of the folder, else of its history; null when both can be read. A history that is not there is the audit's to judge. */
export const placeFaultOf = (folder: string): AuditFault | null => {
  if (kindOf(folder) === 'nothing') {
    return { what: `${folder} is gone`, mend: 'put it back, or restore data/constraints from a backup' }
  }
  for (const path of [folder, ...HISTORY_FOLDERS.map((part) => join(gitDirOf(folder), part))]) {
    const fault = kindOf(path) === 'nothing' ? null : folderFault(path)
    if (fault !== null) return fault
  }
  return null
}

const folderFault = (path: string): AuditFault | null => {
  const kind = kindOf(path)
  if (kind !== 'a folder') {
    return {
      what: `${path} is ${kind}, not a folder`,
      mend: 'move it elsewhere, and put the folder itself there, or restore data/constraints from a backup',
    }
  }
  try {
    accessSync(path, constants.R_OK | constants.X_OK)
    return null
  } catch {
    return { what: `${path} cannot be read by user ${process.getuid?.()}`, mend: `chmod 755 ${quoteShell(path)}` }
  }
}

/** Of what the name itself stands for: a link leads to where others may write. */
const kindOf = (path: string): string => {
  try {
    const found = lstatSync(path)
    if (found.isDirectory()) return 'a folder'
    if (found.isSymbolicLink()) return 'a link'
    return found.isFile() ? 'a file' : 'a pipe, a socket or a device'
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'nothing'
    throw error
  }
}
