/**
 * The journal: what happened, in order, written before the effect (`tool.start`) and after it (`tool.result`). An entry
 * with a `ref` exists at most once per type, so that a step cannot be recorded twice. Everything the model sees is a
 * projection of these rows.
 */
import type { Clock } from '../utils/clock.ts'
import type { State } from './persistence.ts'

/** The one conversation of the owner; peers will have lanes of their own. */
export const OWNER_LANE = 'owner'
export const OWNER_PRINCIPAL = 'owner'

/** Turns, newest first, among which the open one is looked for: a STOP over 100,000 waiting messages writes fewer. */
const OPEN_TURN_SEARCH_MAX = 1024

/** A session ends after this much silence. */
const SESSION_IDLE_MS = 30 * 60_000

export type JournalEventType =
  | 'turn.start'
  | 'turn.resume'
  | 'turn.end'
  | 'message.in'
  | 'message.refused'
  | 'reply.abandoned'
  | 'identity.link'
  | 'identity.unlink'
  | 'model.request'
  | 'model.message'
  | 'model.error'
  | 'tool.start'
  | 'tool.result'
  | 'workspace.commit'
  | 'workspace.found'
  | 'workspace.undo'
  | 'workspace.redo'
  | 'workspace.restore'
  | 'question.asked'
  | 'question.answered'
  | 'rule.proposed'
  | 'rule.confirmed'
  | 'rule.added'
  | 'node.freeze'
  | 'node.resume'

export type JournalEvent = {
  readonly seq: number
  readonly at: number
  readonly turn: string | null
  readonly type: JournalEventType
  readonly ref: string | null
  readonly payload: unknown
}

export type NewJournalEvent = {
  readonly type: JournalEventType
  readonly turn: string | null
  readonly ref?: string
  readonly payload: unknown
}

export type Journal = {
  /** Appends; an entry whose type and ref exist already is left as it is. */
  readonly append: (event: NewJournalEvent) => void
  /** Runs `body` in one transaction; `point` is its name. */
  readonly transaction: <T>(point: string, body: () => T) => T
  readonly ofTurn: (turn: string) => readonly JournalEvent[]
  readonly has: (type: JournalEventType, ref: string) => boolean
  /** Those that began before it, newest first. */
  readonly turnsBefore: (turn: string, limit: number) => readonly string[]
  readonly turnCountBefore: (turn: string) => number
  readonly after: (seq: number, limit: number) => readonly JournalEvent[]
  /** 0 while nothing has happened. */
  readonly lastSeq: () => number
  readonly newest: (type: JournalEventType) => JournalEvent | null
  readonly openTurn: () => string | null
  readonly endSession: (reason: 'shutdown') => void
}

/** Called with the name of a point right after it is durable. */
export type JournalHook = (point: string) => void

type Row = { seq: number; at: number; turn: string | null; type: JournalEventType; ref: string | null; payload: string }

const toEvent = (row: Row): JournalEvent => ({ ...row, payload: JSON.parse(row.payload) as unknown })

export const createJournal = (state: State, clock: Clock, atPoint: JournalHook): Journal => {
  const { database } = state
  const insert = database.query<
    undefined,
    [number, number, string | null, string, string | null, string, string, string]
  >(
    `insert into events (at, session, turn, type, ref, payload, lane, principal) values (?, ?, ?, ?, ?, ?, ?, ?)
     on conflict do nothing`,
  )
  const ofTurn = database.query<Row, [string]>(
    'select seq, at, turn, type, ref, payload from events where turn = ? order by seq',
  )
  const has = database.query<{ found: number }, [string, string]>(
    'select 1 as found from events where type = ? and ref = ?',
  )
  const began = `(select seq from events where type = 'turn.start' and ref = ?)`
  const turnsBefore = database.query<{ turn: string }, [string, number]>(
    `select turn from events where type = 'turn.start' and seq < ${began} order by seq desc limit ?`,
  )
  const turnCountBefore = database.query<{ count: number }, [string]>(
    `select count(*) as count from events where type = 'turn.start' and seq < ${began}`,
  )
  const after = database.query<Row, [number, number]>(
    'select seq, at, turn, type, ref, payload from events where seq > ? order by seq limit ?',
  )
  const lastSeq = database.query<{ seq: number }, []>('select coalesce(max(seq), 0) as seq from events')
  const newest = database.query<Row, [string]>(
    'select seq, at, turn, type, ref, payload from events where type = ? order by seq desc limit 1',
  )
  const openTurn = database.query<{ turn: string }, []>(
    // One lane: an open turn is among the newest, behind at most those that a STOP dismissed.
    `select turn from (select turn, seq from events where type = 'turn.start' order by seq desc limit ${OPEN_TURN_SEARCH_MAX}) s
       where not exists (select 1 from events e where e.type = 'turn.end' and e.ref = s.turn) order by seq limit 1`,
  )
  const sessions = createSessions(state, clock)
  return {
    append: ({ type, turn, ref, payload }) => {
      const at = clock.now()
      const written = { lane: OWNER_LANE, principal: OWNER_PRINCIPAL }
      state.transaction(type, () =>
        insert.run(
          at,
          sessions.current(at),
          turn,
          type,
          ref ?? null,
          JSON.stringify(payload),
          written.lane,
          written.principal,
        ),
      )
      if (!database.inTransaction) atPoint(type)
    },
    transaction: (point, body) => {
      const result = state.transaction(point, body)
      if (!database.inTransaction) atPoint(point)
      return result
    },
    ofTurn: (turn) => ofTurn.all(turn).map(toEvent),
    has: (type, ref) => has.get(type, ref) !== null,
    turnsBefore: (turn, limit) => turnsBefore.all(turn, limit).map((row) => row.turn),
    turnCountBefore: (turn) => turnCountBefore.get(turn)?.count ?? 0,
    after: (seq, limit) => after.all(seq, limit).map(toEvent),
    lastSeq: () => lastSeq.get()?.seq ?? 0,
    newest: (type) => {
      const row = newest.get(type)
      return row ? toEvent(row) : null
    },
    openTurn: () => openTurn.get()?.turn ?? null,
    endSession: sessions.end,
  }
}

const createSessions = (state: State, clock: Clock) => {
  const { database } = state
  const open = database.query<{ id: number; last_at: number }, []>(
    'select id, last_at from sessions where ended_at is null order by id desc limit 1',
  )
  const start = database.query<{ id: number }, [number, number, string, string]>(
    'insert into sessions (started_at, last_at, lane, principal) values (?, ?, ?, ?) returning id',
  )
  const touch = database.query<undefined, [number, number]>('update sessions set last_at = ? where id = ?')
  const end = database.query<undefined, [number, string, number]>(
    'update sessions set ended_at = ?, end_reason = ? where id = ?',
  )
  return {
    current: (at: number): number => {
      const session = open.get()
      if (session && at - session.last_at < SESSION_IDLE_MS) {
        touch.run(at, session.id)
        return session.id
      }
      if (session) end.run(session.last_at, 'idle', session.id)
      return start.get(at, at, OWNER_LANE, OWNER_PRINCIPAL)?.id ?? 0
    },
    end: (reason: 'shutdown'): void => {
      const session = open.get()
      if (session) state.transaction('session.end', () => void end.run(clock.now(), reason, session.id))
    },
  }
}
