/**
 * The turn that undo takes back next. The record keeps every turn for ever, but the owner's own git may amend or reset
 * what a turn committed: such a turn cannot be taken back any more, is named, and does not stand in the way of older ones.
 */
import { READING, type RunGit } from './git-runner.ts'
import type { CommitRecord, WorkspaceCommit } from './workspace.types.ts'

/** Turns among which one is looked for: also a shell argument of 41 bytes each, of which Linux takes 128 KiB. */
const CANDIDATES_MAX = 1_000

// $1: main, stdin: commits, one in each line. Prints those that main's history holds.
const IN_HISTORY = `
wanted=$(cat)
history=$(git rev-list "$1" --)
printf '%s\\n' "$history" | grep -Fx -e "$wanted" || :
`

/** The newest turn that is not undone and that `main` holds, or null; `lost` are the newer ones that it does not hold. */
export const findUndoable = async (
  git: RunGit,
  record: CommitRecord,
  main: string,
): Promise<{ readonly undone: WorkspaceCommit | null; readonly lost: readonly WorkspaceCommit[] }> => {
  const candidates = record.undoable(CANDIDATES_MAX)
  if (candidates.length === 0) return { undone: null, lost: [] }
  const stdin = candidates.map(({ sha }) => sha).join('\n')
  const { stdout } = await git({ ...READING, script: IN_HISTORY, arguments: [main], stdin })
  const held = new Set(new TextDecoder().decode(stdout).split('\n'))
  const at = candidates.findIndex(({ sha }) => held.has(sha))
  return at === -1
    ? { undone: null, lost: candidates }
    : { undone: candidates[at] ?? null, lost: candidates.slice(0, at) }
}
