/** Messages as they came in: stored before anything is done about them, each answered exactly once, in order. */
import type { Clock } from '../utils/clock.ts'
import { createAttachments, type KeptAttachment } from './attachments.ts'
import { OWNER_LANE, OWNER_PRINCIPAL } from './journal.ts'
import type { State } from './persistence.ts'

export type InboundMessage = {
  readonly channel: string
  readonly messageId: string
  readonly senderId: string
  readonly text: string
  /** Gets a turn of its own, also when one runs that it could steer. */
  readonly followUp?: boolean
  /** Files that came with it. */
  readonly attachments?: readonly KeptAttachment[]
}

type MessageId = Pick<InboundMessage, 'channel' | 'messageId'>

export type Inbox = {
  /** Stores a message; false when the channel had delivered it before. */
  readonly accept: (message: InboundMessage) => boolean
  /** Stores that a message came which needs no turn, without its text. */
  readonly acceptAnswered: (message: InboundMessage) => void
  /** Whether the channel had delivered it before. */
  readonly has: (channel: string, messageId: string) => boolean
  /** Who wrote the newest message of the owner on the channel. */
  readonly lastOwner: (channel: string) => string | null
  /** How many messages a turn has taken. */
  readonly sizeOfTurn: (turn: string) => number
  /** Texts among the owner's newest that contain the words, which are in lower case and NFC, newest first. */
  readonly mentions: (words: string, limit: number) => readonly string[]
  /** Whether the message has been answered or refused: nothing more will come of it. */
  readonly isOver: (channel: string, messageId: string) => boolean
  /** Messages that nobody has taken, oldest first; a refused or answered one is never returned again. */
  readonly queued: (limit: number) => readonly InboundMessage[]
  /** A turn takes the one that it begins with, and those that join it. */
  readonly take: (message: MessageId, turn: string) => void
  readonly refuse: (message: MessageId) => void
  readonly answered: (turn: string) => void
  /** The message that the turn began with. */
  readonly ofTurn: (turn: string) => InboundMessage | null
  readonly counts: () => { readonly queued: number; readonly refused: number }
}

/** Messages that are searched for words: the process waits meanwhile, about 6 ms (2026-11-21, on 2 cores). */
const SEARCHED_MAX = 10_000
/** SQLite's `lower` leaves what is not ASCII as it is: a text that holds such letters is looked at here. */
const NOT_ASCII = `'*[^' || char(1) || '-' || char(127) || ']*'`

const COLUMNS = 'channel, message_id as messageId, sender as senderId, text, follow_up as followUp'

type Row = Omit<InboundMessage, 'followUp'> & { readonly followUp: number }

const toMessage = (row: Row): InboundMessage => ({ ...row, followUp: row.followUp === 1 })

export const createInbox = (state: State, clock: Clock): Inbox => {
  const { database } = state
  const insert = database.query<undefined, [string, string, number, string, string, number, string, string]>(
    `insert into inbound (channel, message_id, at, sender, text, follow_up, lane, principal) values (?, ?, ?, ?, ?, ?, ?, ?)
     on conflict do nothing`,
  )
  const over = database.query<{ found: number }, [string, string]>(
    `select 1 as found from inbound where channel = ? and message_id = ? and state in ('answered', 'refused')`,
  )
  const queued = database.query<Row, [number]>(
    `select ${COLUMNS} from inbound where state = 'queued' order by seq limit ?`,
  )
  const mark = database.query<undefined, [string, string | null, string, string]>(
    'update inbound set state = ?, turn = ? where channel = ? and message_id = ?',
  )
  const answered = database.query<undefined, [string]>(`update inbound set state = 'answered' where turn = ?`)
  const ofTurn = database.query<Row, [string]>(`select ${COLUMNS} from inbound where turn = ? order by seq limit 1`)
  const count = database.query<{ count: number }, [string]>('select count(*) as count from inbound where state = ?')
  const has = database.query<{ found: number }, [string, string]>(
    'select 1 as found from inbound where channel = ? and message_id = ?',
  )
  const lastOwner = database.query<{ sender: string }, [string]>(
    `select sender from inbound where channel = ? and state <> 'refused' order by seq desc limit 1`,
  )
  const sizeOfTurn = database.query<{ count: number }, [string]>('select count(*) as count from inbound where turn = ?')
  const mentions = database.query<{ text: string }, [string]>(
    `select text from (select seq, text from inbound where state <> 'refused' order by seq desc limit ${SEARCHED_MAX})
       where instr(lower(text), ?) > 0 or text glob ${NOT_ASCII} order by seq desc`,
  )
  const attachments = createAttachments(state)
  const withFiles = (row: Row): InboundMessage => {
    const kept = attachments.of(row.channel, row.messageId)
    return kept.length === 0 ? toMessage(row) : { ...toMessage(row), attachments: kept }
  }
  const setState = (name: string, ...row: Parameters<typeof mark.run>): void =>
    state.transaction(name, () => void mark.run(...row))
  return {
    accept: ({ channel, messageId, senderId, text, followUp = false, attachments: files = [] }) => {
      const row = [channel, messageId, clock.now(), senderId, text, followUp ? 1 : 0] as const
      return state.transaction('inbox.accept', () => {
        const isNew = insert.run(...row, OWNER_LANE, OWNER_PRINCIPAL).changes === 1
        if (isNew) attachments.add(channel, messageId, files)
        return isNew
      })
    },
    acceptAnswered: ({ channel, messageId, senderId }) =>
      state.transaction('inbox.accept', () => {
        insert.run(channel, messageId, clock.now(), senderId, '', 0, OWNER_LANE, OWNER_PRINCIPAL)
        mark.run('answered', null, channel, messageId)
      }),
    has: (channel, messageId) => has.get(channel, messageId) !== null,
    lastOwner: (channel) => lastOwner.get(channel)?.sender ?? null,
    sizeOfTurn: (turn) => sizeOfTurn.get(turn)?.count ?? 0,
    mentions: (words, limit) =>
      Iterator.from(mentions.iterate(words))
        .map(({ text }) => text)
        .filter((text) => text.normalize('NFC').toLowerCase().includes(words))
        .take(limit)
        .toArray(),
    isOver: (channel, messageId) => over.get(channel, messageId) !== null,
    queued: (limit) => queued.all(limit).map(withFiles),
    take: ({ channel, messageId }, turn) => setState('inbox.take', 'taken', turn, channel, messageId),
    refuse: ({ channel, messageId }) => setState('inbox.refuse', 'refused', null, channel, messageId),
    answered: (turn) => state.transaction('inbox.answered', () => void answered.run(turn)),
    ofTurn: (turn) => {
      const row = ofTurn.get(turn)
      return row && withFiles(row)
    },
    counts: () => ({ queued: count.get('queued')?.count ?? 0, refused: count.get('refused')?.count ?? 0 }),
  }
}
