/** Messages as they came in: stored before anything is done about them, each answered exactly once, in order. */
import type { Clock } from '../utils/clock.ts'
import { OWNER_LANE, OWNER_PRINCIPAL } from './journal.ts'
import type { State } from './persistence.ts'

export type InboundMessage = {
  readonly channel: string
  readonly messageId: string
  readonly senderId: string
  readonly text: string
}

export type Inbox = {
  /** Stores a message; false when the channel had delivered it before. */
  readonly accept: (message: InboundMessage) => boolean
  /** Whether the message has been answered or refused: nothing more will come of it. */
  readonly isOver: (channel: string, messageId: string) => boolean
  /** Oldest message that nobody has taken; a refused or answered one is never returned again. */
  readonly next: () => InboundMessage | null
  /** Messages that nobody has taken, oldest first. */
  readonly queued: (limit: number) => readonly InboundMessage[]
  readonly take: (message: Pick<InboundMessage, 'channel' | 'messageId'>, turn: string) => void
  readonly refuse: (message: Pick<InboundMessage, 'channel' | 'messageId'>) => void
  readonly answered: (turn: string) => void
  readonly ofTurn: (turn: string) => InboundMessage | null
  readonly counts: () => { readonly queued: number; readonly refused: number }
}

const COLUMNS = 'channel, message_id as messageId, sender as senderId, text'

export const createInbox = (state: State, clock: Clock): Inbox => {
  const { database } = state
  const insert = database.query<undefined, [string, string, number, string, string, string, string]>(
    `insert into inbound (channel, message_id, at, sender, text, lane, principal) values (?, ?, ?, ?, ?, ?, ?)
     on conflict do nothing`,
  )
  const over = database.query<{ found: number }, [string, string]>(
    `select 1 as found from inbound where channel = ? and message_id = ? and state in ('answered', 'refused')`,
  )
  const next = database.query<InboundMessage, []>(
    `select ${COLUMNS} from inbound where state = 'queued' order by seq limit 1`,
  )
  const queued = database.query<InboundMessage, [number]>(
    `select ${COLUMNS} from inbound where state = 'queued' order by seq limit ?`,
  )
  const mark = database.query<undefined, [string, string | null, string, string]>(
    'update inbound set state = ?, turn = ? where channel = ? and message_id = ?',
  )
  const answered = database.query<undefined, [string]>(`update inbound set state = 'answered' where turn = ?`)
  const ofTurn = database.query<InboundMessage, [string]>(
    `select ${COLUMNS} from inbound where turn = ? order by seq limit 1`,
  )
  const count = database.query<{ count: number }, [string]>('select count(*) as count from inbound where state = ?')
  const setState = (...row: Parameters<typeof mark.run>): void => state.transaction(() => void mark.run(...row))
  return {
    accept: ({ channel, messageId, senderId, text }) =>
      state.transaction(
        () => insert.run(channel, messageId, clock.now(), senderId, text, OWNER_LANE, OWNER_PRINCIPAL).changes === 1,
      ),
    isOver: (channel, messageId) => over.get(channel, messageId) !== null,
    next: () => next.get(),
    queued: (limit) => queued.all(limit),
    take: ({ channel, messageId }, turn) => setState('taken', turn, channel, messageId),
    refuse: ({ channel, messageId }) => setState('refused', null, channel, messageId),
    answered: (turn) => state.transaction(() => void answered.run(turn)),
    ofTurn: (turn) => ofTurn.get(turn),
    counts: () => ({ queued: count.get('queued')?.count ?? 0, refused: count.get('refused')?.count ?? 0 }),
  }
}
