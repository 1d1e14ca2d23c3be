/**
 * One commit of everything that differs in the worktree: look (`git status`), then bring exactly those paths into the
 * index and commit it. Looking costs one walk over the files, and nothing more when nothing has changed.
 *
 * An agent can leave files that git refuses: a FIFO in the place of a stored file, a name like `git~1`, a file that cannot
 * be read. One of them makes the direct way fail as a whole; then everything else is staged file by file, a FIFO counts
 * as the deletion of what it replaced, and the refused are reported as left out. So are folders that git cannot look into,
 * about which it only warns, and files that are too large.
 */
import { NodeError } from '../../utils/node-error.ts'
import { decodeRecord } from './change-list.ts'
import type { GitEngine, Look, WorktreeCommit } from './engine.types.ts'
import { AGENT } from './git-environment.ts'
import type { RunGit } from './git-runner.ts'
import { FILE_BYTES_MAX, measureFile, nameLeftOut } from './large-files.ts'
import { absorbNestedRepositories } from './nested-repositories.ts'
import { restorePaths } from './put-back.ts'
import { parseStatus, type Status } from './status.ts'
import { parseUnreadable } from './unreadable.ts'

const EXIT_REFUSED = 30
const STATUS = 'git status --porcelain=v2 -z --no-renames --untracked-files=all --ignored=matching'

// $1: main, $2: message, stdin: paths. The branch moves only from main. Prints nothing when nothing differs after all. Of
// some names git only says that it ignores them.
const COMMIT = `
said=$(git update-index -z --add --remove --replace --stdin 2>&1) || exit ${EXIT_REFUSED}
[ -z "$said" ] || exit ${EXIT_REFUSED}
tree=$(git write-tree)
[ "$tree" != "$(git rev-parse "$1^{tree}")" ] || exit 0
commit=$(printf '%s' "$2" | git commit-tree "$tree" -p "$1")
git update-ref -m plaited refs/heads/main "$commit" "$1"
printf '%s' "$commit"
`

// stdin: what to stage, as pathspecs.
const STAGE_WHAT_GOES = `
failed=0
git add --all --ignore-errors --pathspec-from-file=- --pathspec-file-nul || failed=$?
[ "$failed" -le 1 ] || exit "$failed"
git ls-files -z --stage | sed -zn 's/^160000 [0-9a-f]* [0-9]\\t//p' | xargs -0 -r git update-index --force-remove --
git diff-files -z --name-only | xargs -0 -r sh -c 'for path do
  if [ -p "$path" ] || [ -S "$path" ] || [ -b "$path" ] || [ -c "$path" ]; then
    git update-index --force-remove -- "$path"
  fi
done' sh
`

type Seen = Status & {
  /** Paths that are too large, as latin1 text of their bytes, with their size. */
  readonly large: ReadonlyMap<string, number>
}

/**
 * Looks at what differs in the worktree.
 * @throws {NodeError} GIT_FAILED, WORKSPACE_UNUSABLE; so does its `commit`.
 */
export const lookAtWorktree = async (
  { git, worktree }: { readonly git: RunGit; readonly worktree: string },
  { main, storedLinks }: Parameters<GitEngine['look']>[0],
): Promise<Look> => {
  if (storedLinks) await absorbNestedRepositories(git, [])
  let status = await readStatus(git, 'worktree')
  if (status.nested.length > 0) {
    await absorbNestedRepositories(git, status.nested)
    status = await readStatus(git, 'worktree')
  }
  const large = new Map<string, number>()
  const changes = status.changes.map(({ raw, change }) => {
    const { bytes, executable } = measureFile(worktree, Buffer.from(raw, 'latin1'))
    if (bytes > FILE_BYTES_MAX) large.set(raw, bytes)
    return { raw, path: decodeRecord(raw), change, bytes, executable, ignored: false }
  })
  const seen = { ...status, large }
  return {
    changes,
    unseen: status.leftOut,
    putBack: (plan) => restorePaths(git, main, plan),
    commit: async (request) => {
      const made = await commitSeen(git, { main, ...request }, seen)
      if (made !== 'refused') return { commit: made, leftOut: nameLeftOut(sizesOf(seen), status.leftOut) }
      await stageWhatGoes(git, seen)
      const staged = await readStatus(git, 'index')
      const rest = await commitSeen(git, { main, ...request }, { ...staged, pending: [], large: new Map() })
      if (rest === 'refused') throw new NodeError('GIT_FAILED', 'git refuses to update its index')
      return { commit: rest, leftOut: nameLeftOut(sizesOf(seen), staged.leftOut) }
    },
  }
}

const commitSeen = async (
  git: RunGit,
  { main, author, messageOf }: Parameters<Look['commit']>[0] & { readonly main: string },
  { changes, pending, large }: Seen,
): Promise<WorktreeCommit | null | 'refused'> => {
  const fitting = changes
    .filter(({ raw }) => !large.has(raw))
    .map(({ raw, change }) => ({ path: decodeRecord(raw), change }))
  if (fitting.length === 0 && pending.every((raw) => large.has(raw))) return null
  const message = messageOf(fitting)
  const { exitCode, stdout } = await git({
    script: COMMIT,
    arguments: [main, message],
    stdin: toRecords(pending.filter((raw) => !large.has(raw))),
    author,
    writes: true,
    accepts: [EXIT_REFUSED],
  })
  if (exitCode === EXIT_REFUSED) return 'refused'
  const sha = new TextDecoder().decode(stdout)
  return sha === '' ? null : { sha, message, changes: fitting }
}

const stageWhatGoes = (git: RunGit, { large }: Seen) =>
  git({
    ...STAGING,
    script: STAGE_WHAT_GOES,
    stdin: toRecords([':/', ...[...large.keys()].map((raw) => `:(top,exclude,literal)${raw}`)]),
  })

const STAGING = { arguments: [], stdin: null, author: AGENT, writes: true, accepts: [] } as const

const toRecords = (texts: readonly string[]) => Buffer.from(texts.map((text) => `${text}\0`).join(''), 'latin1')

// Writes, because git keeps what it learned about unchanged files in the index.
const readStatus = async (git: RunGit, of: 'worktree' | 'index'): Promise<Status> => {
  const { stdout, stderr } = await git({ ...STAGING, script: STATUS })
  const status = parseStatus(stdout, of)
  return { ...status, leftOut: [...new Set([...parseUnreadable(stderr), ...status.leftOut])] }
}

/** Paths as people read them, with their sizes. */
const sizesOf = ({ large }: Seen) => new Map([...large].map(([raw, bytes]) => [decodeRecord(raw), bytes]))
