/**
 * Adds files and their commit. The order makes a kill harmless: first the plan, then the files, then the objects, then the
 * branch, then the plan goes. Each step is left out when it was done, so that any start can complete what another began.
 */
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeTree, syncObjects, type Tree, writeObject } from '../constraint-history/git-objects.ts'
import {
  type AppendPlan,
  type PendingAppend,
  pendingState,
  readPending,
  removePending,
  signPlan,
  stagingPath,
  writePending,
} from '../constraint-history/pending-append.ts'
import { readTreeAt } from '../constraint-history/read-files-at.ts'
import { gitDirOf, writeBranch } from '../constraint-history/repository.ts'
import { encodeCommit } from '../constraint-history/signed-commit.ts'
import { createVerifier, type Signer } from '../constraint-history/ssh-signature.ts'
import { addWhole, syncFolder, writeWhole } from '../constraint-history/write-whole.ts'
import { NodeError } from '../utils/node-error.ts'

/** Called with the name of a point once it is durable: crash tests kill the process there. */
export type KeeperHook = (point: AppendPoint) => void
export type AppendPoint = 'planned' | 'record' | 'rule' | 'objects' | 'branch' | 'done'

export type AppendPlace = { readonly folder: string; readonly signer: Signer; readonly atPoint: KeeperHook }

/** @throws {NodeError} RULES_TAMPERED when a file of that name holds something else. */
export const append = (place: AppendPlace, plan: AppendPlan): void => {
  const pending = signPlan(plan, place.signer)
  writePending(place.folder, pending)
  syncFolder(gitDirOf(place.folder)) // the plan has its name before any file has
  completeAppend(place, pending, 'begun')
}

/** Judges a plan anew before it is completed; what is wrong with it, or null. */
export type Recheck = (plan: AppendPlan) => string | null

/**
 * Carries what is planned to its end, wherever it stopped.
 * @throws {NodeError} RULES_TAMPERED when it is not this keeper's, no longer fits, or would be refused today.
 */
export const completePending = (place: AppendPlace, recheck: Recheck): void => {
  const { folder, signer } = place
  const pending = readPending(folder)
  if (pending === null || pending === 'broken') return // the audit tells
  const state = pendingState(folder, pending, createVerifier([signer.publicKey]))
  if (state === 'foreign') throw misfit(folder)
  const refusal = state === 'begun' ? recheck(pending) : null
  if (refusal !== null) throw refused(folder, refusal)
  completeAppend(place, pending, state)
}

const completeAppend = (
  { folder, signer, atPoint }: AppendPlace,
  pending: PendingAppend,
  state: 'begun' | 'committed',
): void => {
  atPoint('planned')
  const contents = pending.files.map(({ name, content }) => ({ name, bytes: Buffer.from(content) }))
  if (state === 'begun') {
    const before = treeOf(folder, pending.parent)
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
  const tree = readTreeAt(folder, head)
  if (tree === null) throw misfit(folder)
  return tree
}

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

const planPath = (folder: string): string => join(gitDirOf(folder), 'appending.json')

const misfit = (folder: string): NodeError =>
  new NodeError(
    'RULES_TAMPERED',
    `what ${planPath(folder)} says was being added is not of this keeper, or not for this history`,
    { hint: 'look at it and remove it, or restore data/constraints from a backup' },
  )

const refused = (folder: string, why: string): NodeError =>
  new NodeError('RULES_TAMPERED', `what was being added to ${folder} would be refused now: ${why}`, {
    hint: `remove ${planPath(folder)} and the files that it names, and add the rule again`,
  })
