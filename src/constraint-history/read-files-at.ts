import { parseTree, readObject, type Tree } from './git-objects.ts'
import { gitDirOf } from './repository.ts'
import { type ParsedCommit, parseCommit } from './signed-commit.ts'

const readCommit = (folder: string, commit: string): ParsedCommit | null => {
  const bytes = readObject(gitDirOf(folder), 'commit', commit)
  return bytes && parseCommit(bytes)
}

/** The names and ids of the files at a commit; null when it is not there. Signatures are the audit's. */
export const readTreeAt = (folder: string, commit: string): Tree | null => {
  const parsed = readCommit(folder, commit)
  const bytes = parsed && readObject(gitDirOf(folder), 'tree', parsed.tree)
  return bytes && parseTree(bytes)
}

/** null for the first commit, and for one that is not there. */
export const readParentOf = (folder: string, commit: string): string | null =>
  readCommit(folder, commit)?.parents[0] ?? null

/** The files of the rules' repository at a commit, by name; null when some of it is not there. */
export const readFilesAt = (folder: string, commit: string): ReadonlyMap<string, string> | null => {
  const tree = readTreeAt(folder, commit)
  if (tree === null) return null
  const files = new Map<string, string>()
  for (const [name, id] of tree) {
    const content = readObject(gitDirOf(folder), 'blob', id)
    if (content === null) return null
    files.set(name, content.toString('utf8'))
  }
  return files
}
