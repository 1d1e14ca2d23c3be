/** What the program can do, each as one function of the git dir and the worktree. */
import { changeWorktree, removeIfEmpty, restorePath } from './change-worktree.ts'
import { findInHistory, readCommit, treeBefore, writeCommit } from './commits.ts'
import { moveMain, readExcludes, withIndex } from './git-dir-files.ts'
import { type Index, type IndexEntry, isSameIndex, stampOf } from './index-file.ts'
import { mergeFiles } from './merge-files.ts'
import type { Objects } from './objects.ts'
import { decodePath, encodePath } from './paths.ts'
import type { AppliedAnswer, CommitAnswer, LookAnswer, NewCommit, Request } from './program.types.ts'
import { scanWorktree } from './scan.ts'
import { showChange, showStat } from './show-diff.ts'
import {
  compareFiles,
  type FileChange,
  type Files,
  isSame,
  kindOf,
  MODE,
  readFiles,
  toChanges,
  writeFiles,
} from './trees.ts'
import { look, modeOf, type Worktree } from './worktree.ts'

export type Tools = { readonly gitDir: string; readonly objects: Objects; readonly worktree: Worktree }

/** Does what is asked. @throws {Unusable} */
export const perform = (tools: Tools, request: Request): Promise<unknown> => {
  switch (request.kind) {
    case 'commits-since':
      return listCommits(tools, request)
    case 'changes-of':
      return changesOf(tools, request.sha).then(toChanges)
    case 'held-by':
      return findInHistory(tools.objects, request.main, request.shas).then((held) => [...held])
    case 'look':
      return lookAround(tools, request)
    case 'commit':
      return commitTree(tools, request.tree, request)
    case 'take-back':
      return takeBack(tools, request)
    case 'restore':
      return restore(tools, request)
    case 'put-back':
      return putBack(tools, request)
    case 'diff':
      return diff(tools, request)
  }
}

const treeOf = async ({ objects }: Tools, sha: string): Promise<string> => (await readCommit(objects, sha)).tree
const filesOf = async (tools: Tools, sha: string): Promise<Files> => readFiles(tools.objects, await treeOf(tools, sha))

const changesOf = async ({ objects }: Tools, sha: string): Promise<readonly FileChange[]> => {
  const found = await readCommit(objects, sha)
  const before = await readFiles(objects, await treeBefore(objects, found))
  return compareFiles(before, await readFiles(objects, found.tree))
}

const listCommits = async (
  tools: Tools,
  { known, main, countMax }: Extract<Request, { kind: 'commits-since' }>,
): Promise<readonly CommitAnswer[]> => {
  const isBase = known !== null && (await findInHistory(tools.objects, main, [known])).has(known)
  const commits: CommitAnswer[] = []
  const passed = isBase ? await ancestorsOf(tools, known) : new Set<string>()
  for (let sha: string | undefined = main; sha !== undefined && !passed.has(sha) && commits.length < countMax;) {
    const { parents, authorEmail, committerEmail, at, message } = await readCommit(tools.objects, sha)
    commits.push({ sha, authorEmail, committerEmail, at, message })
    sha = parents[0]
  }
  return commits.reverse()
}

const ancestorsOf = async ({ objects }: Tools, sha: string): Promise<ReadonlySet<string>> => {
  const seen = new Set([sha])
  for (const one of seen) for (const parent of (await readCommit(objects, one)).parents) seen.add(parent)
  return seen
}

const lookAround = (
  { gitDir, objects, worktree }: Tools,
  { main, fileBytesMax }: Extract<Request, { kind: 'look' }>,
): Promise<LookAnswer> =>
  withIndex(gitDir, async (known) => {
    const { tree: mainTree } = await readCommit(objects, main)
    const base = await readFiles(objects, mainTree)
    const excludes = readExcludes(gitDir)
    const scan = await scanWorktree({ worktree, objects, base, index: known, excludes, fileBytesMax })
    const changes = compareFiles(base, scan.files)
    const tree = changes.length === 0 ? mainTree : await writeFiles(objects, scan.files)
    await objects.flush()
    return {
      index: isSameIndex(known, scan.index) ? null : scan.index,
      result: {
        tree,
        changes: changes.map((change) => ({
          path: change.path,
          change: kindOf(change),
          ...(scan.seen.get(change.path) ?? { bytes: 0, executable: false }),
        })),
        leftOut: scan.leftOut.map(({ path, why }) => ({
          ...{ path, why, change: base.has(path) ? 'modified' : 'added' },
          ...(scan.seen.get(path) ?? { bytes: 0, executable: false }),
        })),
        unseen: scan.unseen,
      },
    }
  })

const commitTree = async (
  { gitDir, objects }: Tools,
  tree: string,
  { main, message, signature }: NewCommit,
): Promise<string> => {
  const sha = await writeCommit(objects, { tree, parent: main, message, signature })
  await objects.flush()
  await moveMain(gitDir, { from: main, to: sha, why: 'plaited', signature })
  return sha
}

const takeBack = async (tools: Tools, request: Extract<Request, { kind: 'take-back' }>): Promise<AppliedAnswer> => {
  const { sha, main } = request
  if (!(await findInHistory(tools.objects, main, [sha])).has(sha)) return { outcome: 'not-in-history', details: [] }
  const undone = await readCommit(tools.objects, sha)
  const merged = await mergeFiles(tools.objects, {
    base: await readFiles(tools.objects, undone.tree),
    ours: await filesOf(tools, main),
    theirs: await readFiles(tools.objects, await treeBefore(tools.objects, undone)),
  })
  if ('conflicts' in merged) return { outcome: 'conflict', details: merged.conflicts.map(decodePath) }
  return apply(tools, merged.files, request)
}

const restore = async (tools: Tools, request: Extract<Request, { kind: 'restore' }>): Promise<AppliedAnswer> => {
  const path = encodePath(request.path)
  const wanted = (await filesOf(tools, request.from)).get(path)
  if (wanted === undefined || wanted.mode === MODE.repository) return { outcome: 'no-file', details: [] }
  const files = new Map(await filesOf(tools, request.main))
  if (isSame(files.get(path) ?? null, wanted)) return { outcome: 'same', details: [] }
  const inTheWay = (other: string) => path.startsWith(`${other}/`) || other.startsWith(`${path}/`)
  if ([...files.keys()].some(inTheWay)) return { outcome: 'conflict', details: [request.path] }
  files.set(path, wanted)
  return apply(tools, files, request)
}

/** Makes files the content of the worktree and, as a new commit, of main. */
const apply = (tools: Tools, files: Files, request: NewCommit): Promise<AppliedAnswer> =>
  withIndex<AppliedAnswer>(tools.gitDir, async (index) => {
    const { objects } = tools
    const changes = compareFiles(await filesOf(tools, request.main), files)
    const tree = await writeFiles(objects, files)
    await objects.flush()
    const diffStat = await showStat(objects, changes)
    let sha = ''
    const seal = async () => {
      sha = await commitTree(tools, tree, request)
    }
    const changed = await changeWorktree(tools, { changes, index, seal })
    if (changed !== 'done') return { index: null, result: changed }
    const result = { outcome: 'done' as const, sha, changes: toChanges(changes), diffStat }
    return { index: await restamp(tools, index, changes), result }
  })

/** The index after changes to the worktree: what changed is looked at again. */
const restamp = async (
  { worktree }: Tools,
  index: Index,
  changes: readonly Pick<FileChange, 'path' | 'after'>[],
): Promise<Index> => {
  const next = new Map<string, IndexEntry>(index)
  for (const { path, after } of changes) {
    const status = after === null ? null : await worktree.inParent(path, look)
    if (after === null || status === null || modeOf(status) !== after.mode) next.delete(path)
    else next.set(path, { ...after, stamp: stampOf(status, after.mode) })
  }
  return next
}

const putBack = (tools: Tools, { main, files, empties }: Extract<Request, { kind: 'put-back' }>): Promise<null> =>
  withIndex(tools.gitDir, async (index) => {
    const stored = await filesOf(tools, main)
    const changes = files.map(({ path, mode }) => ({ path, mode, after: stored.get(path) ?? null }))
    for (const { path, after, mode } of changes)
      if (after !== null) await restorePath(tools, path, { stored: after, mode })
    for (const folder of empties) await removeIfEmpty(tools, folder, [])
    return { index: await restamp(tools, index, changes), result: null }
  })

const diff = async (tools: Tools, { shas, bytesMax }: Extract<Request, { kind: 'diff' }>): Promise<string> => {
  let text = ''
  for (const sha of shas)
    for (const change of await changesOf(tools, sha)) {
      if (text.length > bytesMax) break
      text += await showChange(tools.objects, change)
    }
  return text.slice(0, bytesMax + 1)
}
