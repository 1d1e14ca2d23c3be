import { lstatSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gitDirOf } from './repository.ts'

const PARTS = ['constraint-keys.json', 'appending.json', 'refs/heads/main']

/**
 * Changes when the keeper begins to add a rule, when the rule counts, and when the keeper is done; also when something else
 * lies in the place of the folder, or it can no longer be read.
 */
export const readHistoryMark = (folder: string): string =>
  [
    markOf(() => `${lstatSync(folder).ino}`),
    ...PARTS.map((name) =>
      markOf(() => {
        const { size, mtimeNs, ino } = statSync(join(gitDirOf(folder), name), { bigint: true })
        return `${size}:${mtimeNs}:${ino}`
      }),
    ),
  ].join()

const markOf = (look: () => string): string => {
  try {
    return look()
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable' // the audit says why
  }
}
