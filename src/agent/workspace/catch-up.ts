/**
 * The node may die after a commit has become the head of main and before it is recorded. The record is the truth about
 * turns, so it has to learn of such commits: the author and committer say that they are the node's, the trailers to which
 * turn they belong. The trailers can be trusted that far because no tool reaches the git dir and no quoted text forms a
 * trailer (commit-message.ts). Commits that the owner makes with their own git are not the node's and stay unrecorded.
 */
import { filesOf } from './change-list.ts'
import {
  FOUND_TRAILER,
  RESTORES_TRAILER,
  readTrailers,
  subjectLine,
  TURN_TRAILER,
  UNDOES_TRAILER,
} from './commit-message.ts'
import type { GitEngine, StoredCommit } from './engine.types.ts'
import { isRootCommit } from './git-dir.ts'
import { AGENT, OWNER } from './git-environment.ts'
import type { CommitRecord, WorkspaceCommit } from './workspace.types.ts'

/** A crash leaves one commit; more are missing only when the database was lost. */
const COMMITS_MAX = 1_000

/** Records the node's commits up to `main` that the record does not know. Runs no git when there cannot be any. */
export const catchUp = async (
  { engine, gitDir, record }: { readonly engine: GitEngine; readonly gitDir: string; readonly record: CommitRecord },
  main: string,
): Promise<void> => {
  const [newest] = record.list(1)
  if (newest?.sha === main) return
  if (await isRootCommit(gitDir, main)) return // whatever the record keeps has a parent
  const known = new Map(record.list(COMMITS_MAX).map((commit): [string, WorkspaceCommit] => [commit.sha, commit]))
  for (const stored of await engine.commitsSince(newest?.sha ?? null, main)) {
    if (stored.committerEmail !== AGENT.email || known.has(stored.sha)) continue
    const belongs = whereItBelongs(stored, known)
    if (belongs === null) continue
    const { sha, at, message } = stored
    const files = filesOf(await engine.changesOf(sha))
    const commit = { ...{ sha, at, files }, subject: subjectLine(message), ...belongs }
    record.add(commit)
    known.set(sha, commit)
  }
}

const whereItBelongs = (
  { authorEmail, message }: StoredCommit,
  known: ReadonlyMap<string, WorkspaceCommit>,
): (Pick<WorkspaceCommit, 'kind' | 'turn'> & { readonly undoes: string | null }) | null => {
  const trailers = readTrailers(message)
  const undoes = trailers.get(UNDOES_TRAILER)
  if (undoes !== undefined) {
    const undone = known.get(undoes)
    return { kind: undone?.kind === 'undo' ? 'redo' : 'undo', turn: undone?.turn ?? null, undoes }
  }
  const turn = trailers.get(TURN_TRAILER)
  if (turn !== undefined) return { kind: 'turn', turn, undoes: null }
  if (trailers.has(RESTORES_TRAILER)) return { kind: 'restore', turn: null, undoes: null }
  return authorEmail === OWNER.email ? { kind: 'owner', turn: trailers.get(FOUND_TRAILER) ?? null, undoes: null } : null
}
