/**
 * What the keeper is about to add, written down first (`.git/appending.json`): file contents and the commit that binds them,
 * all but its signature, which Ed25519 makes the same each time. Whoever completes it gets the same bytes, so that a kill at
 * any point, and even two that complete it at once, end in the same history.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { gitDirOf, readIfThere } from './repository.ts'
import { parseFileName } from './rule-records.ts'
import { addWhole } from './write-whole.ts'

const fileNameSchema = z.string().refine((name) => parseFileName(name) !== null, 'is no file of a rule')
const pendingSchema = z.strictObject({
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

export type PendingAppend = z.output<typeof pendingSchema>

const pendingPath = (folder: string): string => join(gitDirOf(folder), 'appending.json')
/** Where files are written before they get their name. */
export const stagingPath = (folder: string): string => join(gitDirOf(folder), 'staged')

/** null when nothing is pending; `broken` when what is there is not ours. */
export const readPending = (folder: string): PendingAppend | 'broken' | null => {
  const text = readIfThere(pendingPath(folder))
  if (text === null) return null
  try {
    return pendingSchema.parse(JSON.parse(text))
  } catch {
    return 'broken'
  }
}

/** @throws an error with code EEXIST when something is pending already. */
export const writePending = (folder: string, pending: PendingAppend): void =>
  addWhole(pendingPath(folder), JSON.stringify(pending), stagingPath(folder))

export const removePending = (folder: string): void => rmSync(pendingPath(folder), { force: true })
