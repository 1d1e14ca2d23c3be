/**
 * The folder that the agent works in, and its `.git`: a file that names the git dir, so that the owner's git and editors
 * see an ordinary repository while nothing of it lies within the agent's reach. The sandbox shows that file read-only. A
 * `.git` of any other shape is never touched and never trusted: it may be the owner's own repository, or a plant. The one
 * exception is a link to the git dir of a home at another place: this home was moved, and the link is pointed at its own.
 */
import { lstat, readdir, readFile, writeFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { NodeError } from '../../utils/node-error.ts'
import { quoteShell } from '../../utils/quote-shell.ts'
import { type FolderModes, makeFolder } from './git-dir.ts'

const LINK_BYTES_MAX = 8_192

// No set-group-id bit: what tools make has their group anyway, and with the bit inherited, `cp -r` and `tar` fail in the
// sandbox, where no program may set it (seccomp-filter.ts).
// Closed to others: under a root node what tools and git make in it is 0664, the home is open to walk through, and the link
// `.git` belongs to root, who may enter whatever the mode is. So this is the one wall between the files and the other users.
const WORKTREE_MODES: FolderModes = { own: 0o755, shared: 0o770 }

/** The end of a git dir's path that is the same in every home: `/data/git/workspace.git`. */
const PLACE_PARTS = 3

/**
 * Makes the worktree and links it to the git dir; restores a lost link.
 * @returns true when the worktree holds nothing besides the link.
 * @throws {NodeError} WORKSPACE_UNUSABLE, before anything is made.
 */
export const openWorktree = async (options: {
  readonly worktree: string
  readonly gitDir: string
  readonly sharedGroup: number | null
}): Promise<boolean> => {
  const { worktree, gitDir, sharedGroup } = options
  const link = join(worktree, '.git')
  const wanted = `gitdir: ${gitDir}\n`
  const state = await readLink(link)
  const isOurs = state === wanted || state === wanted.trimEnd()
  if (state !== null && state !== '' && !isOurs && !isOfMovedHome(state, gitDir)) {
    const aside = `${worktree}.git-aside`
    throw new NodeError('WORKSPACE_UNUSABLE', `${link} is not the node's link to ${gitDir}`, {
      hint: `look at it, then move it away and start again: mv ${quoteShell(link)} ${quoteShell(aside)}`,
    })
  }
  await makeFolder(worktree, sharedGroup, WORKTREE_MODES).catch((error: unknown) => {
    throw new NodeError('WORKSPACE_UNUSABLE', `${worktree} cannot be made or shared with the sandbox`, {
      hint: `make it a folder that belongs to you: ls -ld ${quoteShell(worktree)}`,
      cause: error,
    })
  })
  // An empty file is what a power cut during this write leaves.
  if (!isOurs) await writeFile(link, wanted, { mode: 0o644 })
  const entries = await readdir(worktree)
  return entries.every((name) => name === '.git')
}

const isOfMovedHome = (link: string, gitDir: string): boolean => {
  const [, path = ''] = /^gitdir: ([^\n]+)\n?$/.exec(link) ?? []
  return isAbsolute(path) && path.endsWith(`/${gitDir.split('/').slice(-PLACE_PARTS).join('/')}`)
}

/** Text of the link, null when there is none, '?' when it is something else. */
const readLink = async (path: string): Promise<string | null> => {
  const status = await lstat(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw new NodeError('WORKSPACE_UNUSABLE', `${path} cannot be looked at`, {
      hint: `the workspace must be a folder that you can enter: ls -ld ${quoteShell(path)}`,
      cause: error,
    })
  })
  if (status === null) return null
  return status.isFile() && status.size <= LINK_BYTES_MAX ? readFile(path, 'utf8') : '?'
}
