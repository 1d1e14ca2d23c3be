/** Commits of the worktree, together with their record, and what a turn may not leave behind. */
import type { Clock } from '../../utils/clock.ts'
import { catchUp } from './catch-up.ts'
import { type Change, filesOf } from './change-list.ts'
import { subjectLine } from './commit-message.ts'
import type { GitEngine, Look, PutBackRequest, WorktreeCommit } from './engine.types.ts'
import { stampFile } from './file-stamp.ts'
import { requireMain } from './git-dir.ts'
import { AGENT, OWNER } from './git-environment.ts'
import { LEFT_OUT_PATHS_MAX } from './large-files.ts'
import { CLOSED_MODE, OPEN_MODE } from './put-back.ts'
import type { Survey } from './survey-worktree.ts'
import { compareUnseen, stampUnseen, type UnseenFiles, wasUnseen } from './unseen-files.ts'
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
  /** As the running turn found it; null before the first look. */
  let before: Before | null = null

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

    /** Commits what is not the agent's, when `review` has seen it; `turn` as in `WorkspaceCommit`. */
    commitOthers: async (
      turn: string | null,
      messageOf: MessageOf,
      review: (changes: readonly PendingChange[]) => void = () => {},
    ): Promise<WorkspaceCommit | null> => {
      const [survey, looked] = await Promise.all([engine.survey(null), look()])
      before = { survey, unseen: await stampUnseen(worktree, looked.unseen) }
      review(looked.changes)
      const { commit } = await looked.commit({ author: OWNER, messageOf })
      return commit && remember(commit, { kind: 'owner', turn, undoes: null })
    },

    /** As `WorkspaceRepo.commitTurn`. */
    commitTurn: async (
      turn: string,
      { review, messageOf }: { readonly review: Review; readonly messageOf: MessageOf },
    ) => {
      const survey = await engine.survey(before?.survey ?? null)
      const first = await look()
      const refused = await putBackRefused(first, { worktree, before, survey, review })
      const looked = refused === null ? first : await look()
      const { commit, leftOut } = await looked.commit({ author: AGENT, messageOf })
      return {
        commit: commit && remember(commit, { kind: 'turn', turn, undoes: null }),
        leftOut: await withSurveyed([...looked.unseen, ...leftOut], { worktree, survey, leftOut }),
        putBack: refused === null ? NOTHING : await describePutBack(refused, { worktree, looked }),
      }
    },
  }
}

/** What a turn began with. */
type Before = { readonly survey: Survey; readonly unseen: UnseenFiles }

type Refused = { readonly putBack: readonly PendingChange[]; readonly kept: readonly string[] }

type Reviewed = {
  readonly worktree: string
  readonly before: Before | null
  readonly survey: Survey
  readonly review: Review
}

/** Puts back what the review refuses; null when that is nothing. */
const putBackRefused = async (looked: Look, reviewed: Reviewed): Promise<Refused | null> => {
  const { before, review } = reviewed
  const changes = await findChanges(looked, reviewed)
  const paths = await review(changes)
  const refused = changes.filter(({ path }) => paths.has(path))
  if (refused.length === 0) return null
  // What was there before the turn is never removed, only what a commit holds is put back.
  const isLost = ({ path, change, ignored }: PendingChange) =>
    change === 'added' ? wasUnseen(before?.unseen ?? null, path) : ignored
  const putBack = refused.filter((change) => !isLost(change))
  await looked.putBack(new Set(putBack.map(({ path }) => path)), asItWas(before))
  return { putBack, kept: refused.filter(isLost).map(({ path }) => path) }
}

const findChanges = async (looked: Look, { worktree, before, survey }: Reviewed): Promise<readonly PendingChange[]> => {
  const changes: PendingChange[] = []
  for (const change of looked.changes) {
    const stamp = before?.unseen.stamps.get(change.path)
    // An ignored file that is ignored no longer was not written by anyone.
    if (stamp === undefined || stamp !== (await stampFile(worktree, change.path))) changes.push(change)
  }
  const seen = new Set(looked.changes.map(({ path }) => path))
  const isSeen = (path: string) => seen.has(path)
  const unseen = await compareUnseen(worktree, before?.unseen ?? null, { unseen: looked.unseen, isSeen })
  for (const { path } of unseen) seen.add(path)
  // A FIFO, which git passes over. One that a command made in the place of a stored file is that file's deletion.
  const known = new Set(before?.survey.special)
  const special =
    before === null || before.survey.isCut ? [] : survey.special.filter((path) => !known.has(path) && !isSeen(path))
  const odd = { change: 'added', bytes: 0, executable: false, ignored: true } as const
  return [...changes, ...unseen, ...special.map((path) => ({ path, ...odd }))]
}

/** Closed where nobody knows how it was. */
const asItWas = (before: Before | null): PutBackRequest => {
  const isKnown = before !== null && !before.survey.isCut
  return {
    modeOf: (path) => before?.survey.modes.get(path) ?? (isKnown ? OPEN_MODE : CLOSED_MODE),
    keepsFolder: (path) => !isKnown || before.survey.emptyFolders.has(path) || before.unseen.opened.has(path),
  }
}

/** Adds what no commit holds and no engine names. What is below a folder that is named is not named again. */
const withSurveyed = async (
  named: readonly string[],
  {
    worktree,
    survey,
    leftOut,
  }: { readonly worktree: string; readonly survey: Survey; readonly leftOut: readonly string[] },
): Promise<readonly string[]> => {
  const all = [...leftOut]
  for (const path of [...survey.special, ...survey.repositories]) {
    if (all.length >= LEFT_OUT_PATHS_MAX) break
    const isNamed = named.some((name) => path === name || (name.endsWith('/') && path.startsWith(name)))
    if (!isNamed && (await stampFile(worktree, path)) !== null) all.push(path)
  }
  return all
}

/** Says which are as they were, by what differs afterwards. */
const describePutBack = async (
  { putBack, kept }: Refused,
  { worktree, looked }: { readonly worktree: string; readonly looked: Look },
): Promise<PutBack> => {
  const differing = new Set([...looked.changes.map(({ path }) => path), ...looked.unseen])
  const standing: string[] = []
  for (const { path, ignored } of putBack)
    if (ignored ? (await stampFile(worktree, path)) !== null : differing.has(path)) standing.push(path)
  const paths = putBack.map(({ path }) => path).filter((path) => !standing.includes(path))
  return { paths, kept: [...kept, ...standing] }
}
