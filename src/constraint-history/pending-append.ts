/**
 * What the keeper is about to add, written down first (`.git/appending.json`): file contents and the commit that binds them,
 * all but its signature, which Ed25519 makes the same each time. Whoever completes it gets the same bytes, so that a kill at
 * any point, and even two that complete it at once, end in the same history.
 *
 * The plan itself is signed: whoever could plant one could otherwise have the keeper sign it, or excuse files of theirs. What
 * it names decides nothing before it is committed.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { canonicalJson } from '../utils/canonical-json.ts'
import { objectId } from './git-objects.ts'
import { readParentOf, readTreeAt } from './read-files-at.ts'
import { gitDirOf, readBranch, readIfThere } from './repository.ts'
import { parseFileName } from './rule-records.ts'
import type { Signer, Verifier } from './ssh-signature.ts'
import { addWhole } from './write-whole.ts'

const SIGNATURE_CHARACTERS_MAX = 512
const fileNameSchema = z.string().refine((name) => parseFileName(name) !== null, 'is no file of a rule')
const planSchema = z.strictObject({
  v: z.literal(1),
  parent: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .nullable(),
  at: z.int().nonnegative(),
  message: z.string(),
  files: z
    .array(z.strictObject({ name: fileNameSchema, content: z.string() }))
    .min(1)
    .max(2),
})
const pendingSchema = planSchema.extend({ signature: z.string().max(SIGNATURE_CHARACTERS_MAX) })

export type AppendPlan = z.output<typeof planSchema>
export type PendingAppend = z.output<typeof pendingSchema>

const messageOf = ({ v, parent, at, message, files }: AppendPlan): string =>
  canonicalJson({ v, parent, at, message, files })

export const signPlan = (plan: AppendPlan, signer: Signer): PendingAppend => ({
  ...plan,
  signature: signer.sign('plaited-append', messageOf(plan)),
})

const pendingPath = (folder: string): string => join(gitDirOf(folder), 'appending.json')
/** Where files are written before they get their name. */
export const stagingPath = (folder: string): string => join(gitDirOf(folder), 'staged')

/** null when nothing is pending; `broken` when what is there is not of that form. Whose it is, `pendingState` says. */
export const readPending = (folder: string): PendingAppend | 'broken' | null => {
  const text = readIfThere(pendingPath(folder))
  if (text === null) return null
  try {
    return pendingSchema.parse(JSON.parse(text))
  } catch {
    return 'broken'
  }
}

/**
 * `begun`: its commit comes next; `committed`: it is the newest commit; `foreign`: no key of the history signed it, or it
 * belongs to another history.
 */
export const pendingState = (
  folder: string,
  pending: PendingAppend,
  isSigned: Verifier,
): 'begun' | 'committed' | 'foreign' => {
  const { parent, signature, files } = pending
  if (!isSigned({ purpose: 'plaited-append', message: messageOf(pending), signature })) return 'foreign'
  const head = readBranch(folder)
  if (head === parent) return 'begun'
  const tree = head === null ? null : readTreeAt(folder, head)
  if (head === null || tree === null || readParentOf(folder, head) !== parent) return 'foreign'
  const isThere = files.every(({ name, content }) => tree.get(name) === objectId('blob', Buffer.from(content)))
  return isThere ? 'committed' : 'foreign'
}

/** Files that are being put in place and are in no commit yet: they decide nothing. */
export const readUncommitted = (folder: string): ReadonlySet<string> => {
  const pending = readPending(folder)
  if (pending === null || pending === 'broken') return new Set()
  const head = readBranch(folder)
  const tree = head === null ? null : readTreeAt(folder, head)
  return new Set(pending.files.map(({ name }) => name).filter((name) => tree?.has(name) !== true))
}

/** @throws an error with code EEXIST when something is pending already. */
export const writePending = (folder: string, pending: PendingAppend): void =>
  addWhole(pendingPath(folder), JSON.stringify(pending), stagingPath(folder))

export const removePending = (folder: string): void => rmSync(pendingPath(folder), { force: true })
