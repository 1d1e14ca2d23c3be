/**
 * Adds files and their commit. The order makes a kill harmless: first the plan, then the files, then the objects, then the
 * branch, then the plan goes. Each step is left out when it was done, so that any start can complete what another began.
 */
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  encodeTree,
  parseTree,
  readObject,
  syncObjects,
  type Tree,
  writeObject,
} from '../constraint-history/git-objects.ts'
import {
  type PendingAppend,
  readPending,
  removePending,
  stagingPath,
  writePending,
} from '../constraint-history/pending-append.ts'
import { gitDirOf, readBranch, writeBranch } from '../constraint-history/repository.ts'
import { encodeCommit, parseCommit } from '../constraint-history/signed-commit.ts'
import type { Signer } from '../constraint-history/ssh-signature.ts'
import { addWhole, syncFolder, writeWhole } from '../constraint-history/write-whole.ts'
import { NodeError } from '../utils/node-error.ts'

/** Called with the name of a point once it is durable: crash tests kill the process there. */
export type KeeperHook = (point: AppendPoint) => void
export type AppendPoint = 'planned' | 'record' | 'rule' | 'objects' | 'branch' | 'done'

export type AppendPlace = { readonly folder: string; readonly signer: Signer; readonly atPoint: KeeperHook }

/** @throws {NodeError} RULES_TAMPERED when a file of that name holds something else. */
export const append = (place: AppendPlace, pending: PendingAppend): void => {
  writePending(place.folder, pending)
  syncFolder(gitDirOf(place.folder)) // the plan has its name before any file has
  completeAppend(place, pending)
}

/** Carries what is planned to its end, wherever it stopped. @throws {NodeError} RULES_TAMPERED when it no longer fits. */
export const completePending = (place: AppendPlace): void => {
  const pending = readPending(place.folder)
  if (pending !== null && pending !== 'broken') completeAppend(place, pending)
}

const completeAppend = ({ folder, signer, atPoint }: AppendPlace, pending: PendingAppend): void => {
  atPoint('planned')
  const head = readBranch(folder)
  const before = head === pending.parent ? treeOf(folder, head) : null
  const contents = pending.files.map(({ name, content }) => ({ name, bytes: Buffer.from(content) }))
  if (before === null) {
    if (head === null || parentOf(folder, head) !== pending.parent) throw misfit(folder)
  } else {
    for (const [index, { name, bytes }] of contents.entries()) {
      placeFile(folder, name, bytes)
      atPoint(index === 0 ? 'record' : 'rule')
    }
    const gitDir = gitDirOf(folder)
    const added = contents.map(({ name, bytes }): [string, string] => [name, writeObject(gitDir, 'blob', bytes)])
    const tree = writeObject(gitDir, 'tree', encodeTree(new Map([...before, ...added])))
    const { parent, at, message } = pending
    const commit = writeObject(gitDir, 'commit', encodeCommit({ tree, parent, at, message }, signer))
    atPoint('objects')
    // Whatever the plan was for is on the disk before the plan goes.
    syncObjects(gitDir, [...added.map(([, blob]) => blob), tree, commit])
    syncFolder(folder)
    writeBranch(folder, commit)
  }
  atPoint('branch')
  removePending(folder)
  atPoint('done')
}

/** Files of the newest commit; the empty tree before the first. */
export const treeOf = (folder: string, head: string | null): Tree => {
  if (head === null) return new Map()
  const commit = parseCommit(readObject(gitDirOf(folder), 'commit', head) ?? Buffer.alloc(0))
  const tree = commit && parseTree(readObject(gitDirOf(folder), 'tree', commit.tree) ?? Buffer.of(0))
  if (!tree) throw misfit(folder)
  return tree
}

const parentOf = (folder: string, head: string): string | null =>
  parseCommit(readObject(gitDirOf(folder), 'commit', head) ?? Buffer.alloc(0))?.parents[0] ?? null

const placeFile = (folder: string, name: string, bytes: Buffer): void => {
  const path = join(folder, name)
  try {
    addWhole(path, bytes, stagingPath(folder))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    const found = lstatSync(path)
    if (!found.isFile() || found.size !== bytes.length || !readFileSync(path).equals(bytes)) {
      throw new NodeError('RULES_TAMPERED', `${path} is there already and holds something else`, {
        hint: 'move it elsewhere; what was being added is completed at the next start',
      })
    }
    // A file of the agent's own could be changed by it later: ours takes its place.
    if (found.uid !== process.getuid?.()) writeWhole(path, bytes, { staged: stagingPath(folder) })
  }
}

const misfit = (folder: string): NodeError =>
  new NodeError('RULES_TAMPERED', `the history of ${folder} is not the one to which a rule was being added`, {
    hint: `look at ${join(gitDirOf(folder), 'appending.json')}, and restore data/constraints from a backup`,
  })
