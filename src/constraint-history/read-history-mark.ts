import { statSync } from 'node:fs'
import { join } from 'node:path'
import { gitDirOf } from './repository.ts'

const PARTS = ['constraint-keys.json', 'appending.json', 'refs/heads/main']

/** Changes when the keeper begins to add a rule, when the rule counts, and when the keeper is done. */
export const readHistoryMark = (folder: string): string =>
  PARTS.map((name) => {
    const found = statSync(join(gitDirOf(folder), name), { bigint: true, throwIfNoEntry: false })
    return found === undefined ? 'none' : `${found.size}:${found.mtimeNs}:${found.ino}`
  }).join()
