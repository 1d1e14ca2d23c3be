/**
 * What of the git dir only the node and the owner may change, and what must not be in it at all. Git of the sandbox
 * writes into the git dir (objects, index, branches), so its top folder is open to the sandbox's group; but `config`,
 * `hooks` and `info` decide what the owner's own git runs, and some names make git look elsewhere for all of them. The
 * sandbox shows the three read-only; here they are closed on disk too, and the redirecting names and links are refused.
 */
import { chmod, chown, lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { NodeError } from '../../utils/node-error.ts'
import { quoteShell } from '../../utils/quote-shell.ts'

/** Read-only for every git of ours, and closed to the sandbox's group on disk. */
export const GUARDED_PARTS = ['config', 'hooks', 'info'] as const

/** Names that make git read its config, objects or branches elsewhere (gitrepository-layout). */
const REDIRECTIONS = ['commondir', 'config.worktree', 'gitdir', 'worktrees', 'objects/info/alternates']
const NEVER_LINKS = [...GUARDED_PARTS, 'info/attributes', 'info/exclude', 'objects', 'objects/info', 'objects/pack']
const NEVER_LINKED_REFS = ['refs', 'refs/heads', 'refs/tags']

const CONFIG_MODE = 0o644

/** @throws {NodeError} WORKSPACE_UNUSABLE when something in the git dir would make git look elsewhere. */
export const requireUnredirected = async (gitDir: string): Promise<void> => {
  for (const name of REDIRECTIONS) if ((await look(join(gitDir, name))) !== null) throw redirected(gitDir, name)
  for (const name of [...NEVER_LINKS, ...NEVER_LINKED_REFS])
    if ((await look(join(gitDir, name)))?.isSymbolicLink()) throw redirected(gitDir, name)
}

/** Gives `config` to the caller alone. Its content may be the owner's, so only owner and mode are set. */
export const closeConfig = async (gitDir: string): Promise<void> => {
  const config = join(gitDir, 'config')
  const uid = process.getuid?.() ?? -1
  const found = await lstat(config)
  if (found.uid !== uid) await chown(config, uid, found.gid)
  if ((found.mode & 0o7777) !== CONFIG_MODE) await chmod(config, CONFIG_MODE)
}

const redirected = (gitDir: string, name: string): NodeError => {
  const path = join(gitDir, name)
  const aside = `${gitDir}.${name.replaceAll('/', '-')}-aside`
  return new NodeError('WORKSPACE_UNUSABLE', `${path} would make git look outside of the node's repository`, {
    hint: `look at it, then move it away: mv ${quoteShell(path)} ${quoteShell(aside)}`,
  })
}

const look = (path: string) =>
  lstat(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null
    throw error
  })
