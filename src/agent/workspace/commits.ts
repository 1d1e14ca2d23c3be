/** Commits of the worktree, together with their record, and what a turn may not leave behind. */
import type { Clock } from '../../utils/clock.ts'
import { catchUp } from './catch-up.ts'
import { type Change, filesOf } from './change-list.ts'
import { subjectLine } from './commit-message.ts'
import type { GitEngine, Look, WorktreeCommit } from './engine.types.ts'
import { stampFile } from './file-stamp.ts'
import { requireMain } from './git-dir.ts'
import { AGENT, OWNER } from './git-environment.ts'
import { compareUnseen, stampUnseen, type UnseenFiles, wasUnseen, withoutSlash } from './unseen-files.ts'
import type { CommitRecord, PendingChange, PutBack, WorkspaceCommit, WorkspaceRepo } from './workspace.types.ts'

const NOTHING: PutBack = { paths: [], kept: [] }

type MessageOf = (changes: readonly Change[]) => string
type Review = Parameters<WorkspaceRepo['commitTurn']>[0]['review']

export const createCommits = ({
  worktree,
  gitDir,
  engine,
  record,
  clock,
}: {
  readonly worktree: string
  readonly gitDir: string
  readonly engine: GitEngine
  readonly record: CommitRecord
  readonly clock: Clock
}) => {
  /** As the running turn found them; null before the first look. */
  let unseenBefore: UnseenFiles | null = null

  /** main, with the record in step. */
  const readMain = async (): Promise<string> => {
    const main = await requireMain(gitDir)
    await catchUp({ engine, gitDir, record }, main)
    return main
  }

  const look = async (): Promise<Look> => {
    const main = await readMain()
    return engine.look({ main, storedLinks: record.list(1)[0]?.sha !== main })
  }

  const remember = (
    { sha, message, changes }: WorktreeCommit,
    belongs: Pick<WorkspaceCommit, 'kind' | 'turn'> & { readonly undoes: string | null },
  ): WorkspaceCommit => {
    const { undoes, ...kind } = belongs
    const commit = { sha, ...kind, subject: subjectLine(message), files: filesOf(changes), at: clock.now() }
    record.add({ ...commit, undoes })
    return commit
  }

  return {
    readMain,
    remember,

    /** Commits what is not the agent's; `turn` as in `WorkspaceCommit`. */
    commitOthers: async (turn: string | null, messageOf: MessageOf): Promise<WorkspaceCommit | null> => {
      const looked = await look()
      unseenBefore = await stampUnseen(worktree, looked.unseen)
      const { commit } = await looked.commit({ author: OWNER, messageOf })
      return commit && remember(commit, { kind: 'owner', turn, undoes: null })
    },

    /** As `WorkspaceRepo.commitTurn`. */
    commitTurn: async (
      turn: string,
      { review, messageOf }: { readonly review: Review; readonly messageOf: MessageOf },
    ) => {
      const first = await look()
      const refused = await putBackRefused(first, { worktree, before: unseenBefore, review })
      const looked = refused === null ? first : await look()
      const { commit, leftOut } = await looked.commit({ author: AGENT, messageOf })
      const putBack = refused === null ? NOTHING : describePutBack(refused, looked)
      return { commit: commit && remember(commit, { kind: 'turn', turn, undoes: null }), leftOut, putBack }
    },
  }
}

type Refused = { readonly putBack: readonly PendingChange[]; readonly kept: readonly string[] }

/** Puts back what the review refuses; null when that is nothing. */
const putBackRefused = async (
  looked: Look,
  {
    worktree,
    before,
    review,
  }: { readonly worktree: string; readonly before: UnseenFiles | null; readonly review: Review },
): Promise<Refused | null> => {
  const changes: PendingChange[] = []
  for (const change of looked.changes) {
    const stamp = before?.get(change.path)
    // An ignored file that is ignored no longer was not written by anyone.
    if (stamp === undefined || stamp !== (await stampFile(worktree, change.path))) changes.push(change)
  }
  changes.push(...(await compareUnseen(worktree, before, looked.unseen)))
  const paths = await review(changes)
  const refused = changes.filter(({ path }) => paths.has(path))
  if (refused.length === 0) return null
  // What was there before the turn is never removed, only what a commit holds is put back.
  const isLost = ({ path, change, ignored }: PendingChange) => (change === 'added' ? wasUnseen(before, path) : ignored)
  const putBack = refused.filter((change) => !isLost(change))
  await looked.putBack(new Set(putBack.map(({ path }) => path)))
  return { putBack, kept: refused.filter(isLost).map(({ path }) => path) }
}

/** Says which are as they were, by what differs afterwards. */
const describePutBack = ({ putBack, kept }: Refused, { changes, unseen }: Look): PutBack => {
  const standing = new Set([...changes.map(({ path }) => path), ...unseen.map(withoutSlash)])
  const paths = putBack.map(({ path }) => path)
  return {
    paths: paths.filter((path) => !standing.has(path)),
    kept: [...kept, ...paths.filter((path) => standing.has(path))],
  }
}
