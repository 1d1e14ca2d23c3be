/**
 * Git for machines that have none: one operation on the workspace, as a process inside the sandbox. It is asked on stdin
 * and answers on stdout, one JSON document each. The worktree may be hostile: nothing of it is run, no link in it is
 * followed, and no file in it configures anything but what is ignored (.gitignore), which is what git reads too. Of the
 * git dir only objects, main, its log, the index and the excludes are read; config, hooks and attributes mean nothing.
 *
 * Usage: main.ts WORKTREE GIT_DIR UMASK
 */
import { readFileSync } from 'node:fs'
import { openObjects } from './objects.ts'
import { perform } from './operations.ts'
import type { Request } from './program.types.ts'
import { Unusable } from './unusable.ts'
import { openWorktree } from './worktree.ts'

const [worktree = '', gitDir = '', umask = ''] = process.argv.slice(2)
process.umask(umask)
const tools = { gitDir, objects: openObjects(gitDir), worktree: openWorktree(worktree) }
const request: Request = JSON.parse(readFileSync(0, 'utf8')) // ours: the node writes it
const answer = await perform(tools, request).catch((error: unknown) => {
  if (error instanceof Unusable) return error.answer
  throw error
})
await Bun.write(Bun.stdout, JSON.stringify(answer))
