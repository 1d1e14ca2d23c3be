/**
 * The repository of the rules: `.git` in the constraints folder, laid out here without git. Its objects and its one branch
 * are ordinary, so `git log --show-signature` in the folder works; `core.bare` keeps git from touching the files beside it.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type KeyHistory, parseKeyHistory, renderAllowedSigners } from './key-history.ts'
import { makeOpenFolder, syncFolder, writeWhole } from './write-whole.ts'

const FOLDERS = ['', 'objects', 'refs', 'refs/heads']
const HEAD_TEXT = 'ref: refs/heads/main\n'
/**
 * `preciousObjects` keeps `git gc` from packing what is read here as single files. The path of the signers is relative to
 * the folder in which git is asked: `git -C FOLDER log --show-signature`.
 */
const CONFIG_TEXT = `[core]
\trepositoryformatversion = 1
\tfilemode = true
\tbare = true
[extensions]
\tpreciousObjects = true
[gc]
\tauto = 0
\tpackRefs = false
[gpg]
\tformat = ssh
[gpg "ssh"]
\tallowedSignersFile = .git/allowed_signers
`

export const gitDirOf = (folder: string): string => join(folder, '.git')
const keysPath = (folder: string): string => join(gitDirOf(folder), 'constraint-keys.json')
const branchPath = (folder: string): string => join(gitDirOf(folder), 'refs/heads/main')

/** The files of a repository whose commits are signed by these keys, as git reads them; by name. */
export const renderFrame = (keys: KeyHistory): Readonly<Record<string, string>> => ({
  config: CONFIG_TEXT,
  HEAD: HEAD_TEXT,
  allowed_signers: renderAllowedSigners(keys),
})

/** Lays out an empty repository whose commits are signed by these keys, or what is missing of one. */
export const layOutRepository = (folder: string, keys: KeyHistory): void => {
  for (const part of FOLDERS) {
    const path = join(gitDirOf(folder), part)
    if (!existsSync(path)) makeOpenFolder(path)
  }
  for (const [name, text] of Object.entries(renderFrame(keys))) {
    const path = join(gitDirOf(folder), name)
    if (readIfThere(path) !== text) writeWhole(path, text)
  }
  // Last: whoever finds the keys finds the rest of the frame.
  const path = keysPath(folder)
  if (!existsSync(path)) writeWhole(path, `${JSON.stringify(keys, null, 2)}\n`)
}

/** null when there is no repository yet; `broken` when its keys cannot be trusted. */
export const readKeys = (folder: string): KeyHistory | 'broken' | null => {
  const text = readIfThere(keysPath(folder))
  return text === null ? null : (parseKeyHistory(text) ?? 'broken')
}

/** The keys that may have signed, oldest first; none when there is no history, or its keys cannot be trusted. */
export const readPublicKeys = (folder: string): readonly string[] => {
  const keys = readKeys(folder)
  return keys === null || keys === 'broken' ? [] : keys.keys.map(({ publicKey }) => publicKey)
}

/** The newest commit; null when there is none, or the branch is not as the keeper writes it. */
export const readBranch = (folder: string): string | null => {
  const text = readIfThere(branchPath(folder)) ?? ''
  return /^[0-9a-f]{40}\n$/.test(text) ? text.trim() : null
}

/** Whether commits were ever made: the branch is there, whatever it holds, or git has packed it away. */
export const hasBranch = (folder: string): boolean =>
  existsSync(branchPath(folder)) || existsSync(join(gitDirOf(folder), 'packed-refs'))

export const writeBranch = (folder: string, commit: string): void => {
  writeWhole(branchPath(folder), `${commit}\n`)
  syncFolder(dirname(branchPath(folder)))
}

/** null when the file is missing or cannot be read. */
export const readIfThere = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
