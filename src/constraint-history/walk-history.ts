/** From the newest commit to the first: each signed, each adding exactly one rule or one retirement. */
import type { Steps } from '../utils/steps.ts'
import { parseTree, readObject, type Tree } from './git-objects.ts'
import type { Anchor, AuditFault, AuditOptions } from './history.types.ts'
import { gitDirOf } from './repository.ts'
import { parseFileName } from './rule-records.ts'
import { type ParsedCommit, parseCommit } from './signed-commit.ts'
import type { Verifier } from './ssh-signature.ts'

/** Commits between two pauses: about 5 ms when there are a thousand rules. */
const COMMITS_PER_PAUSE = 16
/** 10,000 rules and as many retirements, with room. */
const COMMITS_MAX = 50_000
/** Faults after which the walk is given up. */
const FAULTS_MAX = 20
const SHORT_ID = 12
const EMPTY = Buffer.alloc(0)

export type HistoryWalk = {
  readonly faults: readonly AuditFault[]
  /** Commits from the first to the newest; null when the walk did not get there. */
  readonly count: number | null
  /** Files of the newest commit; null when it cannot be read. */
  readonly tree: Tree | null
}

type Commit = ParsedCommit & { readonly id: string; readonly treeBytes: Buffer }

export const walkHistory = function* (
  { folder, anchor, sinceAnchor = false }: AuditOptions,
  { head, isSigned }: { readonly head: string; readonly isSigned: Verifier },
): Steps<HistoryWalk> {
  const gitDir = gitDirOf(folder)
  const newest = readCommit(gitDir, head)
  const tree = newest && parseTree(newest.treeBytes)
  if (newest === null || tree === null) return { faults: [unreadable(gitDir, head)], count: null, tree: null }
  const stopAt = sinceAnchor ? (anchor?.head ?? null) : null
  const { faults, ids } = yield* followParents(gitDir, newest, { stopAt, isSigned })
  if (ids === null) return { faults, count: null, tree }
  const newer = anchor === null ? -1 : ids.indexOf(anchor.head)
  const count = ids.length + (stopAt !== null && newer >= 0 ? (anchor?.count ?? 0) - 1 : 0)
  if (anchor !== null && (newer < 0 || count - newer !== anchor.count))
    faults.push(rolledBack(folder, anchor, { head, count }))
  return { faults, count, tree }
}

/** `ids` are the commits, newest first, up to the first one or `stopAt`; null when the walk was given up. */
const followParents = function* (
  gitDir: string,
  newest: Commit,
  { stopAt, isSigned }: { readonly stopAt: string | null; readonly isSigned: Verifier },
): Steps<{ readonly faults: AuditFault[]; readonly ids: readonly string[] | null }> {
  const faults: AuditFault[] = []
  const ids: string[] = []
  for (let commit = newest; ;) {
    ids.push(commit.id)
    if (commit.id === stopAt) return { faults, ids }
    if (ids.length % COMMITS_PER_PAUSE === 0) yield
    const [parentId] = commit.parents
    const parent = parentId === undefined ? null : readCommit(gitDir, parentId)
    faults.push(...commitFaults(commit, { parent, isSigned }))
    if (parentId === undefined) return { faults, ids }
    if (parent === null) faults.push(unreadable(gitDir, parentId))
    if (parent === null || faults.length >= FAULTS_MAX || ids.length >= COMMITS_MAX) return { faults, ids: null }
    commit = parent
  }
}

const readCommit = (gitDir: string, id: string): Commit | null => {
  const bytes = readObject(gitDir, 'commit', id)
  const commit = bytes && parseCommit(bytes)
  const treeBytes = commit && readObject(gitDir, 'tree', commit.tree)
  return commit && treeBytes ? { ...commit, id, treeBytes } : null
}

const commitFaults = (
  commit: Commit,
  { parent, isSigned }: { readonly parent: Commit | null; readonly isSigned: Verifier },
): readonly AuditFault[] => {
  const { signature, payload } = commit
  if (signature === null || !isSigned({ purpose: 'git', message: payload, signature }))
    return [fault(commit, 'is not signed by a key of this node')]
  if (commit.parents.length > 1) return [fault(commit, 'joins two histories')]
  if (commit.parents.length > 0 && parent === null) return []
  return changeFaults(commit, parent?.treeBytes ?? EMPTY).map((what) => fault(commit, what))
}

/** What a commit does besides adding one rule, or one retirement of a rule that is there. */
const changeFaults = ({ treeBytes }: Commit, before: Buffer): readonly string[] => {
  const added = insertionIn(treeBytes, before)
  const files = added && parseTree(added)
  if (!files) return nameChanges(parseTree(before), parseTree(treeBytes))
  const parts = [...files.keys()].map(parseFileName)
  const kinds = parts.map((part) => part?.part).join()
  const isOneRule = kinds === 'record,rule' && parts[0]?.name === parts[1]?.name
  const isRetirement = kinds === 'retirement' && before.includes(` ${parts[0]?.name}.ts\0`)
  return isOneRule || isRetirement ? [] : [`adds ${[...files.keys()].join(', ') || 'nothing'}, which is not one rule`]
}

/**
 * The entries by which `tree` is longer than `before`, when they stand together: those of one rule do, because no other
 * legal name sorts between them. Compared as bytes, a thousand trees of a thousand rules take a fraction of a second.
 */
const insertionIn = (tree: Buffer, before: Buffer): Buffer | null => {
  const length = tree.length - before.length
  if (length <= 0) return null
  // Names begin alike and an id may hold any byte, so the common start can end within an entry: go back to where it begins.
  for (let start = commonStart(tree, before); start >= 0; start--) {
    if (!tree.subarray(start + length).equals(before.subarray(start))) return null
    const added = tree.subarray(start, start + length)
    if (parseTree(added) !== null) return added
  }
  return null
}

/** Length of what both begin with, found by halving: comparing slices is far faster than comparing bytes here. */
const commonStart = (a: Buffer, b: Buffer): number => {
  let [low, high] = [0, Math.min(a.length, b.length)]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (a.subarray(low, middle).equals(b.subarray(low, middle))) low = middle
    else high = middle - 1
  }
  return low
}

const nameChanges = (before: Tree | null, after: Tree | null): readonly string[] => {
  if (before === null || after === null) return ['holds what no rule is']
  const changes = [...before].flatMap(([name, id]) => {
    if (!after.has(name)) return [`removes ${name}`]
    return after.get(name) === id ? [] : [`changes ${name}`]
  })
  return changes.length > 0 ? changes : ['adds more than one rule']
}

const fault = ({ id }: Commit, what: string): AuditFault => ({
  what: `commit ${id.slice(0, SHORT_ID)} of the rules ${what}`,
  mend: `see 'git -C data/constraints show ${id.slice(0, SHORT_ID)}', then restore data/constraints from a backup`,
})

const unreadable = (gitDir: string, id: string): AuditFault => ({
  what: `commit ${id.slice(0, SHORT_ID)} of the rules, or its tree, is missing, packed or damaged in ${gitDir}`,
  mend: `restore data/constraints from a backup; when git packed it, unpack it: see 'git help unpack-objects'`,
})

const rolledBack = (folder: string, anchor: Anchor, found: Anchor): AuditFault => ({
  what:
    `${folder} was set back or rewritten: this node has seen ${anchor.count} commits up to ` +
    `${anchor.head.slice(0, SHORT_ID)}, and finds ${found.count} up to ${found.head.slice(0, SHORT_ID)} without it`,
  mend: 'restore data/constraints from a backup that is not older than the record of this node',
})
