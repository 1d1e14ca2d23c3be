import { NodeError } from '../../utils/node-error.ts'
import { type Change, compareModes, decodeRecord, splitRecords } from './change-list.ts'
import { OWN_FOLDERS } from './own-folders.ts'

export type Status = {
  /** What a commit of the worktree (or of the index, see `parseStatus`) would change; `raw` is latin1 text of the path's bytes. */
  readonly changes: readonly { readonly raw: string; readonly change: Change['change'] }[]
  /** Paths to bring into the index, likewise. */
  readonly pending: readonly string[]
  /** Folders that are repositories of their own, likewise. */
  readonly nested: readonly string[]
  /** Files that no commit will hold. */
  readonly leftOut: readonly string[]
}

const GITLINK_MODE = '160000'
const ENTRY =
  /^1 (?<staged>.)(?<unstaged>.) \S+ (?<main>\d{6}) (?<index>\d{6}) (?<worktree>\d{6}) [0-9a-f]+ [0-9a-f]+ (?<path>.*)$/s

/**
 * Reads `git status --porcelain=v2 -z --no-renames --untracked-files=all --ignored=matching`. `of` says what is compared
 * with main: the worktree, or the index once git has refused some files of the worktree.
 * @throws {NodeError} WORKSPACE_UNUSABLE on an unresolved merge, GIT_FAILED on a shape that git does not write.
 */
export const parseStatus = (stdout: Uint8Array, of: 'worktree' | 'index'): Status => {
  const found: Found = { changes: new Map(), pending: new Set(), nested: [], leftOut: [] }
  for (const record of splitRecords(stdout)) readRecord(found, record, of)
  return {
    changes: [...found.changes].map(([raw, change]) => ({ raw, change })),
    pending: [...found.pending],
    nested: found.nested,
    leftOut: found.leftOut.map(decodeRecord),
  }
}

type Found = {
  readonly changes: Map<string, Change['change']>
  readonly pending: Set<string>
  readonly nested: string[]
  readonly leftOut: string[]
}

const readRecord = (found: Found, record: string, of: 'worktree' | 'index'): void => {
  const path = record.slice(2)
  if (record.startsWith('! ') && OWN_FOLDERS.includes(path)) return
  if (record.startsWith('! ')) found.leftOut.push(path)
  else if (record.startsWith('? ') && of === 'index') found.leftOut.push(path)
  else if (record.startsWith('? ') && path.endsWith('/')) found.nested.push(path.slice(0, -1))
  else if (record.startsWith('? ')) addChange(found, path, 'added')
  else readEntry(found, parseEntry(record), of)
}

const readEntry = (found: Found, entry: ReturnType<typeof parseEntry>, of: 'worktree' | 'index'): void => {
  if (entry.index === GITLINK_MODE || entry.worktree === GITLINK_MODE) found.nested.push(entry.path)
  if (of === 'worktree') addChange(found, entry.path, compareModes(entry.main, entry.worktree))
  if (of === 'index' && entry.staged !== '.') addChange(found, entry.path, compareModes(entry.main, entry.index))
  if (of === 'index' && entry.unstaged !== '.') found.leftOut.push(entry.path)
}

const addChange = ({ changes, pending }: Found, path: string, change: Change['change'] | null): void => {
  pending.add(path)
  // A file that was removed from the index alone is listed twice: as deleted, and as untracked.
  if (change !== null) changes.set(path, changes.has(path) ? 'modified' : change)
}

const parseEntry = (record: string) => {
  const { staged, unstaged, main, index, worktree, path } = ENTRY.exec(record)?.groups ?? {}
  if (staged && unstaged && main && index && worktree && path) return { staged, unstaged, main, index, worktree, path }
  if (record.startsWith('u '))
    throw new NodeError('WORKSPACE_UNUSABLE', 'a merge in the workspace is not resolved', {
      hint: 'resolve it in the workspace: git status says which files',
    })
  throw new NodeError('GIT_FAILED', 'git wrote a status that cannot be read')
}
