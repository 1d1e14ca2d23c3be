/**
 * Main and the worktree change together, or neither does. What is to become of main is worked out on trees alone, and the
 * worktree follows last, after a rehearsal: whatever cannot be done is found while nothing has been touched. Files that
 * then fail to be written (full disk, a folder that is not writable) are put back.
 *
 * Undo is a merge: a made-up commit, child of the commit in question with the tree of its parent, is merged into main. The
 * merge base is then that commit, which makes the result what `git revert` gives: its change is taken back, what came
 * after it stays. Restoring one file is main's tree with one entry of an older one.
 */
import { escapeUnsafeCharacters } from '../../utils/escape-unsafe-characters.ts'
import { NodeError } from '../../utils/node-error.ts'
import { decodeRecord, parseRawChanges, splitRecords } from './change-list.ts'
import type { Applied, GitEngine } from './engine.types.ts'
import { OWNER } from './git-environment.ts'
import type { RunGit } from './git-runner.ts'

const EXIT_NOT_IN_HISTORY = 20
const EXIT_CONFLICT = 21
const EXIT_IN_THE_WAY = 22
const EXIT_PUT_BACK = 23
const EXIT_NO_MERGE = 24
const EXIT_NO_FILE = 25
const EXIT_SAME = 26
/** Enough to see what stands in the way. */
const PATHS_SHOWN_MAX = 20

// From $main and $tree, stdin: message. Prints the new commit, the raw changes and their summary.
const APPLY = `
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

# A folder makes room for a file when git sees nothing in it; git does not see a FIFO, or a \`.git\` that is no repository.
unseen=$(differing AT | xargs -0 -r sh -c 'for path do
  if [ -d "$path" ] && [ ! -L "$path" ]; then
    find "./$path" \\( -name .git -o ! -type f ! -type d ! -type l \\) -print -prune || printf "%s\\n" "$path"
  fi
done' sh)
if [ -n "$unseen" ]; then
  printf '%s\\n' "$unseen" | head -n ${PATHS_SHOWN_MAX} >&2
  exit ${EXIT_IN_THE_WAY}
fi
# The rehearsal finds changed and unknown files in the way. The fast-forward finds ignored ones too, before it writes;
# read-tree would overwrite those.
git read-tree -m -u --dry-run "$main" "$tree" || exit ${EXIT_IN_THE_WAY}
git merge --quiet --ff-only --no-overwrite-ignore --no-autostash --no-verify-signatures --no-stat "$commit" >&2 ||
  put_back
# What git cannot delete it only warns about. A folder may have taken the place of a deleted file.
differing D | xargs -0 -r sh -c 'for path do
  if [ -L "$path" ] || { [ -e "$path" ] && [ ! -d "$path" ]; }; then exit 1; fi
done' sh || put_back

printf '%s\\0' "$commit"
git diff-tree -r -z --no-renames --raw "$main" "$tree"
printf '\\0'
git diff-tree -r -M --stat=80 --stat-count=50 "$main" "$tree"
printf '\\0'
`

// $1: the commit, $2: main.
const TAKE_BACK = `
taken="$1" main="$2"
git merge-base --is-ancestor "$taken" "$main" || exit ${EXIT_NOT_IN_HISTORY}
before=$(git rev-parse --quiet --verify "$taken^1^{tree}" || git mktree </dev/null)
back=$(git commit-tree "$before" -p "$taken" -m 'taken back' </dev/null)

merged=0
tree=$(git merge-tree --write-tree --no-messages "$main" "$back") || merged=$?
if [ "$merged" -eq 1 ]; then
  git merge-tree --write-tree --name-only --no-messages -z "$main" "$back" || exit ${EXIT_CONFLICT}
fi
[ "$merged" -eq 0 ] || exit ${EXIT_NO_MERGE}
${APPLY}`

// $1: a commit, $2: main, $3: path. Without --replace an entry cannot take the place of a folder.
const RESTORE = `
main="$2" path="$3"
entry_of() { git --literal-pathspecs ls-tree --full-tree "$1" -- "$path" | cut -f 1; }
entry=$(entry_of "$1")
case "$entry" in *' blob '*) ;; *) exit ${EXIT_NO_FILE} ;; esac
[ "$entry" != "$(entry_of "$main")" ] || exit ${EXIT_SAME}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
index=$folder/index
GIT_INDEX_FILE=$index git read-tree "$main"
GIT_INDEX_FILE=$index git update-index --add --cacheinfo "\${entry%% *},\${entry##* },$path" || {
  printf '\\0%s\\0' "$path"
  exit ${EXIT_CONFLICT}
}
tree=$(GIT_INDEX_FILE=$index git write-tree)
${APPLY}`

const OUTCOMES = new Map([
  [EXIT_NOT_IN_HISTORY, 'not-in-history'],
  [EXIT_CONFLICT, 'conflict'],
  [EXIT_IN_THE_WAY, 'in-the-way'],
  [EXIT_PUT_BACK, 'put-back'],
  [EXIT_NO_FILE, 'no-file'],
  [EXIT_SAME, 'same'],
] as const)

/** As `GitEngine`. The worktree must be as main has it. */
export const takeBackCommit = (
  git: RunGit,
  { sha, main, message }: Parameters<GitEngine['takeBack']>[0],
): Promise<Applied> => apply(git, TAKE_BACK, { values: [sha, main], message })

/** As `GitEngine`. The worktree must be as main has it. */
export const restoreFile = (
  git: RunGit,
  { from, main, path, message }: Parameters<GitEngine['restore']>[0],
): Promise<Applied> => apply(git, RESTORE, { values: [from, main, path], message })

const apply = async (
  git: RunGit,
  script: string,
  { values, message }: { readonly values: readonly string[]; readonly message: string },
): Promise<Applied> => {
  const { exitCode, stdout, stderr } = await git({
    script,
    arguments: values,
    stdin: message,
    author: OWNER,
    writes: true,
    accepts: [...OUTCOMES.keys(), EXIT_NO_MERGE],
  })
  if (exitCode === EXIT_NO_MERGE)
    throw new NodeError('GIT_FAILED', `git could not merge: ${stderr}`, {
      hint: 'undo needs git 2.38 or newer: git --version',
    })
  const records = splitRecords(stdout)
  const outcome = [...OUTCOMES].find(([code]) => code === exitCode)?.[1]
  if (outcome) return { outcome, details: outcome === 'conflict' ? records.slice(1).map(decodeRecord) : [stderr] }
  const [sha = ''] = records
  return {
    outcome: 'done',
    sha,
    changes: parseRawChanges(records.slice(1, -2)), // behind them an empty record and the summary
    diffStat: escapeUnsafeCharacters(decodeRecord(records.at(-1) ?? '')).trimEnd(),
  }
}
