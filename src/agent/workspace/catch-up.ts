/**
 * The node may die after a commit has become the head of main and before it is recorded. The record is the truth about
 * turns, so it has to learn of such commits: the author and committer say that they are the node's, the trailers to which
 * turn they belong. The trailers can be trusted that far because no tool reaches the git dir and no quoted text forms a
 * trailer (commit-message.ts). Commits that the owner makes with their own git are not the node's and stay unrecorded.
 */
import { decodeRecord, filesOf, parseRawChanges, splitRecords } from './change-list.ts'
import { FOUND_TRAILER, TURN_TRAILER, UNDOES_TRAILER } from './commit-message.ts'
import { isRootCommit } from './git-dir.ts'
import { AGENT, OWNER } from './git-environment.ts'
import { READING, type RunGit } from './git-runner.ts'
import type { CommitRecord, WorkspaceCommit } from './workspace.types.ts'

/** A crash leaves one commit; more are missing only when the database was lost. */
const COMMITS_MAX = 1_000
const FIELDS = [
  '%H',
  '%ct',
  '%ce',
  '%ae',
  '%s',
  `%(trailers:key=${TURN_TRAILER},valueonly,separator=%x2C)`,
  `%(trailers:key=${UNDOES_TRAILER},valueonly,separator=%x2C)`,
  `%(trailers:key=${FOUND_TRAILER},valueonly,separator=%x2C)`,
]

// $1: a commit that is known, or nothing; $2: main. Oldest first.
const MISSING = `
range="$2"
if git merge-base --is-ancestor "$1" "$2" 2>/dev/null; then range="$1..$2"; fi
git log -z --first-parent --reverse -n ${COMMITS_MAX} --format='${FIELDS.join('%x00')}' "$range" --
`
const CHANGES = `git diff-tree -r -z --no-renames --raw "$1^1" "$1"`

/** Records the node's commits up to `main` that the record does not know. Runs no git when there cannot be any. */
export const catchUp = async (
  { git, gitDir, record }: { readonly git: RunGit; readonly gitDir: string; readonly record: CommitRecord },
  main: string,
): Promise<void> => {
  if (record.list(1)[0]?.sha === main) return
  if (await isRootCommit(gitDir, main)) return // whatever the record keeps has a parent
  const known = record.list(COMMITS_MAX)
  const shas = new Set(known.map(({ sha }) => sha))
  const { stdout } = await git({ ...READING, script: MISSING, arguments: [known[0]?.sha ?? '', main] })
  const fields = splitRecords(stdout).map(decodeRecord)
  for (let at = 0; at + FIELDS.length <= fields.length; at += FIELDS.length) {
    const [sha = '', seconds, committer, author, subject = '', turn = '', undoes = '', found = ''] = fields.slice(at)
    const kind = committer === AGENT.email ? kindOf(author, turn, undoes) : null
    if (kind === null || shas.has(sha)) continue
    const changes = await git({ ...READING, script: CHANGES, arguments: [sha] })
    const undone = record.list(COMMITS_MAX).find((commit) => commit.sha === undoes)
    record.add({
      sha,
      kind,
      turn: { turn, undo: undone?.turn ?? null, owner: found === '' ? null : found }[kind],
      subject,
      files: filesOf(parseRawChanges(splitRecords(changes.stdout))),
      at: Number(seconds) * 1000,
      undoes: kind === 'undo' ? undoes : null,
    })
  }
}

const kindOf = (author: string | undefined, turn: string, undoes: string): WorkspaceCommit['kind'] | null => {
  if (/^[0-9a-f]{40}$/.test(undoes)) return 'undo'
  if (turn !== '') return 'turn'
  return author === OWNER.email ? 'owner' : null
}
