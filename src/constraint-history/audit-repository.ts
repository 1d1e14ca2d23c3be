/**
 * Whether the repository beside the rules is as the keeper laid it out. The audit itself believes little of it, but git does:
 * with another setting, hook or branch, `git log --show-signature` would tell the owner something else than the audit.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Steps } from '../utils/steps.ts'
import { readObject, type Tree } from './git-objects.ts'
import type { AuditFault } from './history.types.ts'
import type { KeyHistory } from './key-history.ts'
import { gitDirOf, readIfThere, renderFrame } from './repository.ts'

/** Blobs between two pauses: a few milliseconds. */
const BLOBS_PER_PAUSE = 64

/** Each folder and what may lie in it; the ones that end in `.new`, and `staged`, are what a kill left of a file. */
const ENTRIES: Readonly<Record<string, readonly string[]>> = {
  '': [
    ...['objects', 'refs', 'HEAD', 'config', 'allowed_signers', 'constraint-keys.json', 'appending.json', 'staged'],
    'info',
  ],
  // `git gc` lists the branches for web servers there; git itself never reads it.
  info: ['refs'],
  refs: ['heads'],
  'refs/heads': ['main'],
}

export const repositoryFaults = (folder: string, keys: KeyHistory): readonly AuditFault[] => {
  const gitDir = gitDirOf(folder)
  const changed = Object.entries(renderFrame(keys))
    .filter(([name, text]) => readIfThere(join(gitDir, name)) !== text)
    .map(([name]) => ({
      what: `${join(gitDir, name)} was changed`,
      mend: 'restore data/constraints from a backup',
    }))
  const foreign = Object.entries(ENTRIES).flatMap(([part, known]) =>
    namesIn(join(gitDir, part))
      .filter((name) => !known.includes(name.replace(/\.new$/, '')))
      .map((name) => ({
        what: `${join(gitDir, part, name)} was not put there by the keeper`,
        mend: 'look at what it holds and move it elsewhere',
      })),
  )
  return [...changed, ...foreign]
}

/** The newest commit must be able to give back every file, when one beside it is lost. */
export const blobFaults = function* (folder: string, tree: Tree): Steps<readonly AuditFault[]> {
  const faults: AuditFault[] = []
  let seen = 0
  for (const [name, id] of tree) {
    if (++seen % BLOBS_PER_PAUSE === 0) yield
    if (readObject(gitDirOf(folder), 'blob', id) !== null) continue
    faults.push({
      what: `the history in ${gitDirOf(folder)} has lost ${name}: object ${id} is missing, packed or damaged`,
      mend: 'restore data/constraints from a backup',
    })
  }
  return faults
}

const namesIn = (path: string): readonly string[] => {
  try {
    return readdirSync(path)
  } catch {
    return [] // the branch is then missing, which the walk tells
  }
}
