import { parseTree, readObject } from './git-objects.ts'
import { gitDirOf } from './repository.ts'
import { parseCommit } from './signed-commit.ts'

/** The files of the rules' repository at a commit, by name; null when some of it is not there. Signatures are the audit's. */
export const readFilesAt = (folder: string, commit: string): ReadonlyMap<string, string> | null => {
  const gitDir = gitDirOf(folder)
  const bytes = readObject(gitDir, 'commit', commit)
  const parsed = bytes && parseCommit(bytes)
  const treeBytes = parsed && readObject(gitDir, 'tree', parsed.tree)
  const tree = treeBytes && parseTree(treeBytes)
  if (!tree) return null
  const files = new Map<string, string>()
  for (const [name, id] of tree) {
    const content = readObject(gitDir, 'blob', id)
    if (content === null) return null
    files.set(name, content.toString('utf8'))
  }
  return files
}
