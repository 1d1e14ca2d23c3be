/** The workspace commits that the node made: the truth about which turn changed what, and what was undone. */
import { z } from 'zod'
import type { State } from './persistence.ts'
import type { CommitRecord, WorkspaceCommit } from './workspace/workspace.types.ts'

type Row = {
  at: number
  sha: string
  kind: WorkspaceCommit['kind']
  turn: string | null
  subject: string
  files: string
  undoneBy: string | null
}

const filesSchema = z.array(z.strictObject({ path: z.string(), change: z.enum(['added', 'modified', 'deleted']) }))

const toCommit = ({ files, ...row }: Row) => ({ ...row, files: filesSchema.parse(JSON.parse(files)) })

export const createCommitRecord = (state: State): CommitRecord => {
  const { database } = state
  const insert = database.query<undefined, [number, string, string, string | null, string, string, string | null]>(
    `insert into workspace_commits (at, sha, kind, turn, subject, files, undoes) values (?, ?, ?, ?, ?, ?, ?)
     on conflict do nothing`,
  )
  const select = `select c.at, c.sha, c.kind, c.turn, c.subject, c.files, u.sha as undoneBy
    from workspace_commits c left join workspace_commits u on u.undoes = c.sha`
  const undoable = database.query<Row, [string | null, number]>(
    `${select} where c.kind in ('turn', 'redo', 'restore') and u.sha is null and c.turn is coalesce(?1, c.turn)
     order by c.seq desc limit ?2`,
  )
  const redoable = database.query<Row, [number]>(
    `${select} where c.kind = 'undo' and u.sha is null order by c.seq desc limit ?`,
  )
  const ofTurn = database.query<Row, [string]>(`${select} where c.kind = 'turn' and c.turn = ? order by c.seq desc`)
  const list = database.query<Row, [number]>(`${select} order by c.seq desc limit ?`)
  return {
    add: ({ at, sha, kind, turn, subject, files, undoes }) =>
      state.transaction(
        'commit.record',
        () => void insert.run(at, sha, kind, turn, subject, JSON.stringify(files), undoes),
      ),
    undoable: (limit, turn) => undoable.all(turn ?? null, limit).map(toCommit),
    redoable: (limit) => redoable.all(limit).map(toCommit),
    ofTurn: (turn) => ofTurn.all(turn).map(toCommit),
    list: (limit) => list.all(limit).map(toCommit),
  }
}
