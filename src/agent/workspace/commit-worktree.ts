/**
 * One commit of everything that differs in the worktree: look (`git status`), then bring exactly those paths into the
 * index and commit it. Looking costs one walk over the files, and nothing more when nothing has changed.
 *
 * An agent can leave files that git refuses: a FIFO in the place of a stored file, a name like `git~1`, a file that cannot
 * be read. One of them makes the direct way fail as a whole; then everything else is staged file by file, a FIFO counts
 * as the deletion of what it replaced, and the refused are reported as left out. So are folders that git cannot look into,
 * about which it only warns.
 */
import { NodeError } from '../../utils/node-error.ts'
import type { Change } from './change-list.ts'
import { AGENT, type Identity } from './git-environment.ts'
import type { RunGit } from './git-runner.ts'
import { absorbNestedRepositories } from './nested-repositories.ts'
import { parseStatus, type Status } from './status.ts'
import { parseUnreadable } from './unreadable.ts'

const EXIT_REFUSED = 30
/** Enough to see which rule of a .gitignore swallows files. */
const LEFT_OUT_PATHS_MAX = 20

const STATUS = 'git status --porcelain=v2 -z --no-renames --untracked-files=all --ignored=matching'

// $1: main, $2: message, stdin: paths. The branch moves only from main. Prints nothing when nothing differs after all.
const COMMIT = `
git update-index -z --add --remove --replace --stdin || exit ${EXIT_REFUSED}
tree=$(git write-tree)
[ "$tree" != "$(git rev-parse "$1^{tree}")" ] || exit 0
commit=$(printf '%s' "$2" | git commit-tree "$tree" -p "$1")
git update-ref -m plaited refs/heads/main "$commit" "$1"
printf '%s' "$commit"
`

const STAGE_WHAT_GOES = `
failed=0
git add --all --ignore-errors || failed=$?
[ "$failed" -le 1 ] || exit "$failed"
git ls-files -z --stage | sed -zn 's/^160000 [0-9a-f]* [0-9]\\t//p' | xargs -0 -r git update-index --force-remove --
git diff-files -z --name-only | xargs -0 -r sh -c 'for path do
  if [ -p "$path" ] || [ -S "$path" ] || [ -b "$path" ] || [ -c "$path" ]; then
    git update-index --force-remove -- "$path"
  fi
done' sh
`

export type WorktreeCommit = {
  readonly sha: string
  readonly message: string
  readonly changes: readonly Change[]
}

type CommitRequest = {
  readonly main: string
  /** main may hold links to nested repositories, because someone else made it. */
  readonly storedLinks: boolean
  readonly author: Identity
  readonly messageOf: (changes: readonly Change[]) => string
}

/**
 * Commits the worktree on top of `main`; no commit when it is as main has it. `leftOut` names files that no commit holds.
 * @throws {NodeError} GIT_FAILED, WORKSPACE_UNUSABLE
 */
export const commitWorktree = async (
  git: RunGit,
  commit: CommitRequest,
): Promise<{ readonly commit: WorktreeCommit | null; readonly leftOut: readonly string[] }> => {
  if (commit.storedLinks) await absorbNestedRepositories(git, [])
  let status = await readStatus(git, 'worktree')
  if (status.nested.length > 0) {
    await absorbNestedRepositories(git, status.nested)
    status = await readStatus(git, 'worktree')
  }
  const made = status.pending.length === 0 ? null : await commitPending(git, commit, status)
  if (made !== 'refused') return { commit: made, leftOut: status.leftOut.slice(0, LEFT_OUT_PATHS_MAX) }
  await git({ ...STAGING, script: STAGE_WHAT_GOES })
  const staged = await readStatus(git, 'index')
  const rest = staged.changes.length === 0 ? null : await commitPending(git, commit, { ...staged, pending: [] })
  if (rest !== 'refused') return { commit: rest, leftOut: staged.leftOut.slice(0, LEFT_OUT_PATHS_MAX) }
  throw new NodeError('GIT_FAILED', 'git refuses to update its index')
}

const commitPending = async (
  git: RunGit,
  { main, author, messageOf }: CommitRequest,
  { changes, pending }: Status,
): Promise<WorktreeCommit | null | 'refused'> => {
  const message = messageOf(changes)
  const { exitCode, stdout } = await git({
    script: COMMIT,
    arguments: [main, message],
    stdin: Buffer.from(pending.map((path) => `${path}\0`).join(''), 'latin1'),
    author,
    writes: true,
    accepts: [EXIT_REFUSED],
  })
  if (exitCode === EXIT_REFUSED) return 'refused'
  const sha = new TextDecoder().decode(stdout)
  return sha === '' ? null : { sha, message, changes }
}

const STAGING = { arguments: [], stdin: null, author: AGENT, writes: true, accepts: [] } as const

// Writes, because git keeps what it learned about unchanged files in the index.
const readStatus = async (git: RunGit, of: 'worktree' | 'index'): Promise<Status> => {
  const { stdout, stderr } = await git({ ...STAGING, script: STATUS })
  const status = parseStatus(stdout, of)
  return { ...status, leftOut: [...new Set([...parseUnreadable(stderr), ...status.leftOut])] }
}
