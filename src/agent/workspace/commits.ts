/** Commits of the worktree, together with their record, and what a turn may not leave behind. */
import type { Clock } from '../../utils/clock.ts'
import { catchUp } from './catch-up.ts'
import { type Change, encodeRecord, filesOf } from './change-list.ts'
import { subjectLine } from './commit-message.ts'
import type { GitEngine, Look, PutBackRequest, SeenChange, WorktreeCommit } from './engine.types.ts'
import { stampFile } from './file-stamp.ts'
import { requireMain } from './git-dir.ts'
import { AGENT, OWNER } from './git-environment.ts'
import { LEFT_OUT_PATHS_MAX } from './large-files.ts'
import { CLOSED_MODE, OPEN_MODE } from './put-back.ts'
import type { SetAside } from './set-aside.ts'
import type { Survey } from './survey-worktree.ts'
import { foldersSetAside, isBeyondRecall, stampBefore, startTurn, type TurnStart } from './turn-start.ts'
import { compareUnseen, stampUnseen } from './unseen-files.ts'
import type { CommitRecord, PendingChange, PutBack, WorkspaceCommit, WorkspaceRepo } from './workspace.types.ts'

const NOTHING: PutBack = { paths: [], kept: [], aside: null, expired: [] }

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
  let before: TurnStart | null = null

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
      review: Parameters<WorkspaceRepo['commitFound']>[1] = () => {},
    ): Promise<WorkspaceCommit | null> => {
      const [survey, looked] = await Promise.all([engine.survey(null), look()])
      const unseen = await stampUnseen(worktree, looked.unseen)
      review(looked.changes.map(toPending), turn === null ? [] : foldersSetAside(turn, unseen))
      const { commit } = await looked.commit({ author: OWNER, messageOf })
      before = await startTurn(worktree, { survey, unseen, looked, commit })
      return commit && remember(commit, { kind: 'owner', turn, undoes: null })
    },

    /** As `WorkspaceRepo.commitTurn`. */
    commitTurn: async (
      turn: string,
      { review, messageOf }: { readonly review: Review; readonly messageOf: MessageOf },
    ) => {
      const survey = await engine.survey(before?.survey ?? null)
      const first = await look()
      const refused = await putBackRefused(first, { engine, turn, worktree, before, survey, review })
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

type Refused = {
  readonly putBack: readonly SeenChange[]
  readonly kept: readonly string[]
  readonly aside: SetAside
}

type Reviewed = {
  readonly engine: GitEngine
  readonly turn: string
  readonly worktree: string
  readonly before: TurnStart | null
  readonly survey: Survey
  readonly review: Review
}

/** Puts back what the review refuses; null when that is nothing. */
const putBackRefused = async (looked: Look, reviewed: Reviewed): Promise<Refused | null> => {
  const { engine, before, review } = reviewed
  const changes = await findChanges(looked, reviewed)
  const named = await review(changes.map(toPending))
  const refused = changes.filter(({ path }) => named.has(path))
  if (refused.length === 0) return null
  const isLost = (change: SeenChange) => isBeyondRecall(before, change)
  const putBack = refused.filter((change) => !isLost(change))
  const paths = putBack.map(({ raw }) => raw)
  const { aside, plan } = await engine.makeRoom(paths, { turn: reviewed.turn, ...asItWas(before) })
  await looked.putBack(plan)
  return { putBack, kept: refused.filter(isLost).map(({ path }) => path), aside }
}

const findChanges = async (looked: Look, { worktree, before, survey }: Reviewed): Promise<readonly SeenChange[]> => {
  const changes: SeenChange[] = []
  for (const change of looked.changes) {
    const stamp = stampBefore(before, change)
    // What no commit took then was not written by this turn, nor was an ignored file that is ignored no longer.
    if (stamp === undefined || stamp !== (await stampFile(worktree, bytesOf(change)))) changes.push(change)
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
  const others = [...unseen, ...special.map((path) => ({ path, ...odd }))]
  return [...changes, ...others.map((change) => ({ ...change, raw: encodeRecord(change.path) }))]
}

const bytesOf = ({ raw }: SeenChange): Uint8Array => Buffer.from(raw, 'latin1')

const toPending = ({ path, change, bytes, executable, ignored }: SeenChange): PendingChange => {
  return { path, change, bytes, executable, ignored }
}

/** Closed where nobody knows how it was. */
const asItWas = (before: TurnStart | null): Omit<PutBackRequest, 'turn'> => {
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
  { putBack, kept, aside }: Refused,
  { worktree, looked }: { readonly worktree: string; readonly looked: Look },
): Promise<PutBack> => {
  const differing = new Set([...looked.changes.map(({ path }) => path), ...looked.unseen])
  const standing: string[] = []
  for (const change of putBack)
    if (change.ignored ? (await stampFile(worktree, bytesOf(change))) !== null : differing.has(change.path))
      standing.push(change.path)
  const paths = putBack.map(({ path }) => path).filter((path) => !standing.includes(path))
  return { paths, kept: [...kept, ...standing], aside: aside.folder, expired: aside.expired }
}
