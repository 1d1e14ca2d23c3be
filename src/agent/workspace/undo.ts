/**
 * Undo is a merge: a made-up commit, child of the turn's commit with the tree of its parent, is merged into main. The
 * merge base is then the turn's commit, which makes the result what `git revert` gives: the turn's change is taken back,
 * what came after it stays. The merge happens on trees alone and the worktree follows last, after a rehearsal: whatever
 * cannot be done is found while nothing has been touched. Files that then fail to be written (full disk, a folder that
 * is not writable) are put back.
 */
import { escapeUnsafeCharacters } from '../../utils/escape-unsafe-characters.ts'
import { NodeError } from '../../utils/node-error.ts'
import { type Change, decodeRecord, parseRawChanges, splitRecords } from './change-list.ts'
import { subjectLine, undoMessage } from './commit-message.ts'
import { OWNER } from './git-environment.ts'
import type { RunGit } from './git-runner.ts'
import type { WorkspaceCommit } from './workspace.types.ts'

const EXIT_NOT_IN_HISTORY = 20
const EXIT_CONFLICT = 21
const EXIT_IN_THE_WAY = 22
const EXIT_PUT_BACK = 23
const EXIT_NO_MERGE = 24

const CONFLICTS_SHOWN_MAX = 20

// $1: the turn's commit, $2: main, stdin: message. Prints the new commit, the raw changes and their summary.
const UNDO = `
turn="$1" main="$2"
git merge-base --is-ancestor "$turn" "$main" || exit ${EXIT_NOT_IN_HISTORY}
before=$(git rev-parse --quiet --verify "$turn^1^{tree}" || git mktree </dev/null)
back=$(git commit-tree "$before" -p "$turn" -m 'the turn taken back')

merged=0
tree=$(git merge-tree --write-tree --no-messages "$main" "$back") || merged=$?
if [ "$merged" -eq 1 ]; then
  git merge-tree --write-tree --name-only --no-messages -z "$main" "$back" || exit ${EXIT_CONFLICT}
fi
[ "$merged" -eq 0 ] || exit ${EXIT_NO_MERGE}
commit=$(git commit-tree "$tree" -p "$main")

differing() { git diff-tree -r -z --no-renames --name-only --diff-filter="$1" "$main" "$tree"; }
# Deletes a file only when git holds its content.
put_back() {
  [ "$(git rev-parse refs/heads/main)" != "$commit" ] ||
    git update-ref -m 'plaited undo failed' refs/heads/main "$main" "$commit"
  git read-tree -m "$main"
  differing A | xargs -0 -r sh -c 'for path do
    if [ -L "$path" ] || [ ! -f "$path" ]; then continue; fi
    if [ "$(git hash-object --no-filters -- "$path")" = "$(git rev-parse "$0:$path")" ]; then rm -f -- "$path"; fi
  done' "$tree"
  git update-index -q --refresh >/dev/null || :
  ! git diff-files --quiet || exit ${EXIT_IN_THE_WAY}
  differing DMT | git checkout-index -f -z --stdin
  exit ${EXIT_PUT_BACK}
}

# The rehearsal finds changed and unknown files in the way. The fast-forward finds ignored ones too, before it writes;
# read-tree would overwrite those.
git read-tree -m -u --dry-run "$main" "$tree" || exit ${EXIT_IN_THE_WAY}
git merge --quiet --ff-only --no-overwrite-ignore --no-autostash --no-verify-signatures --no-stat "$commit" >&2 ||
  put_back
# What git cannot delete it only warns about.
differing D | xargs -0 -r sh -c 'for path do
  if [ -e "$path" ] || [ -L "$path" ]; then exit 1; fi
done' sh || put_back

printf '%s\\0' "$commit"
git diff-tree -r -z --no-renames --raw "$main" "$tree"
printf '\\0'
git diff-tree -r -M --stat=80 --stat-count=50 "$main" "$tree"
printf '\\0'
`

export type Undone = {
  readonly sha: string
  readonly subject: string
  readonly changes: readonly Change[]
  readonly diffStat: string
}

/**
 * Takes one commit back as a new commit of main. The worktree must be as main has it.
 * @throws {NodeError} WORKSPACE_CONFLICT, WORKSPACE_UNUSABLE or GIT_FAILED; the worktree is then as it was.
 */
export const revertCommit = async (git: RunGit, undone: WorkspaceCommit, main: string): Promise<Undone> => {
  const message = undoMessage(undone)
  const { exitCode, stdout, stderr } = await git({
    script: UNDO,
    arguments: [undone.sha, main],
    stdin: message,
    author: OWNER,
    writes: true,
    accepts: [EXIT_NOT_IN_HISTORY, EXIT_CONFLICT, EXIT_IN_THE_WAY, EXIT_PUT_BACK, EXIT_NO_MERGE],
  })
  const records = splitRecords(stdout)
  if (exitCode !== 0)
    throw toNodeError(exitCode, undone, exitCode === EXIT_CONFLICT ? records.slice(1).map(decodeRecord) : [stderr])
  const [sha = ''] = records
  return {
    sha,
    subject: subjectLine(message),
    changes: parseRawChanges(records.slice(1, -2)), // behind them an empty record and the summary
    diffStat: escapeUnsafeCharacters(decodeRecord(records.at(-1) ?? '')).trimEnd(),
  }
}

const toNodeError = (exitCode: number, undone: WorkspaceCommit, details: readonly string[]): NodeError => {
  const what = `the turn ${undone.turn} (${escapeUnsafeCharacters(undone.subject)})`
  switch (exitCode) {
    case EXIT_NOT_IN_HISTORY:
      return new NodeError('WORKSPACE_UNUSABLE', `${what} is no longer part of the history of main`, {
        hint: `its commit was ${undone.sha}; git log in the workspace shows what main holds`,
      })
    case EXIT_CONFLICT: {
      const paths = details.filter((path) => path !== '').map((path) => escapeUnsafeCharacters(path))
      const shown = paths.slice(0, CONFLICTS_SHOWN_MAX).join(', ')
      const more = paths.length > CONFLICTS_SHOWN_MAX ? ` and ${paths.length - CONFLICTS_SHOWN_MAX} more` : ''
      return new NodeError('WORKSPACE_CONFLICT', `${what} cannot be undone: later changes overlap in ${shown}${more}`, {
        hint: `nothing was touched; change by hand: ${shown}${more}`,
      })
    }
    case EXIT_IN_THE_WAY:
      return new NodeError(
        'WORKSPACE_CONFLICT',
        `${what} cannot be undone: files are in the way or cannot be changed`,
        {
          hint: `nothing was touched; mend this and try again: ${details.join(' ')}`,
        },
      )
    case EXIT_PUT_BACK:
      return new NodeError('GIT_FAILED', `${what} was not undone: files could not be written and were put back`, {
        hint: `make them writable for the sandbox, or free some space: ${details.join(' ')}`,
      })
    default:
      return new NodeError('GIT_FAILED', `git could not merge: ${details.join(' ')}`, {
        hint: 'undo needs git 2.38 or newer: git --version',
      })
  }
}
