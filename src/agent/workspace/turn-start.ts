/**
 * What a turn begins with. The commit of the owner's edits cannot take everything: files that the sandbox may not read, that
 * are too large, whose name git refuses. They are as much the owner's as the ignored ones, and no commit brings them back,
 * so they are remembered with their stamps: a turn that leaves them alone has not changed them, and nothing that was there
 * is ever put back or moved away.
 */
import { decodeRecord, encodeRecord } from './change-list.ts'
import type { Look, SeenChange, WorktreeCommit } from './engine.types.ts'
import { stampFile } from './file-stamp.ts'
import { ASIDE_FOLDER } from './own-folders.ts'
import type { Survey } from './survey-worktree.ts'
import { type UnseenFiles, wasUnseen } from './unseen-files.ts'

export type TurnStart = {
  readonly survey: Survey
  /** Also those of `uncommitted` whose name is UTF-8. */
  readonly unseen: UnseenFiles
  /** Stamps by the bytes of the path (`SeenChange.raw`). */
  readonly uncommitted: ReadonlyMap<string, string>
}

/** After the commit of what others did; `commit` is what it took. */
export const startTurn = async (
  worktree: string,
  {
    survey,
    unseen,
    looked,
    commit,
  }: {
    readonly survey: Survey
    readonly unseen: UnseenFiles
    readonly looked: Look
    readonly commit: WorktreeCommit | null
  },
): Promise<TurnStart> => {
  const committed = new Set(commit?.changes.map(({ path }) => path))
  const uncommitted = new Map<string, string>()
  for (const { raw, path } of looked.changes) {
    const stamp = committed.has(path) ? null : await stampFile(worktree, Buffer.from(raw, 'latin1'))
    if (stamp !== null) uncommitted.set(raw, stamp)
  }
  const named = [...uncommitted].filter(([raw]) => encodeRecord(decodeRecord(raw)) === raw)
  const stamps = new Map([...unseen.stamps, ...named.map(([raw, stamp]) => [decodeRecord(raw), stamp] as const)])
  return { survey, unseen: { ...unseen, stamps }, uncommitted }
}

/** What a change had been stamped with; undefined when it was not there, or a commit holds what it was. */
export const stampBefore = (start: TurnStart | null, { raw, path }: SeenChange): string | undefined =>
  start?.uncommitted.get(raw) ?? start?.unseen.stamps.get(path)

/** Whether no commit holds what was there before the turn. */
export const isBeyondRecall = (start: TurnStart | null, { raw, path, change, ignored }: SeenChange): boolean =>
  start?.uncommitted.has(raw) === true || (change === 'added' ? wasUnseen(start?.unseen ?? null, path) : ignored)

/** Folders with what an interrupted turn had moved away (set-aside.ts). */
export const foldersSetAside = (turn: string, { stamps }: UnseenFiles): readonly string[] => {
  const start = `${ASIDE_FOLDER}${turn}-`
  const own = [...stamps.keys()].filter((path) => path.startsWith(start))
  return [...new Set(own.map((path) => path.split('/', start.split('/').length).join('/')))]
}
