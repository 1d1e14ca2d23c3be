/**
 * Replies on their way out: written in the transaction that ends the turn, sent afterwards. A row that was being sent
 * when the process died may have arrived or not; it is sent once more, marked as a repeat.
 */
import type { Clock } from '../utils/clock.ts'
import { OWNER_LANE, OWNER_PRINCIPAL } from './journal.ts'
import type { State } from './persistence.ts'

export type OutgoingMessage = {
  /** A question answers nothing: the turn waits for its answer. Nor does a notice, and nothing waits. */
  readonly kind: 'reply' | 'question' | 'notice'
  /** Deterministic per turn, so that a turn is answered once. */
  readonly key: string
  readonly channel: string
  readonly turn: string
  /** The message that the turn began with. */
  readonly replyTo: string
  /** All messages that it answers, oldest first: that one, and those that joined the turn while it ran. */
  readonly answers: readonly string[]
  readonly text: string
  /** It may have been delivered before. */
  readonly repeat: boolean
}

type NewMessage = Omit<OutgoingMessage, 'kind' | 'repeat' | 'answers'> & Partial<Pick<OutgoingMessage, 'kind'>>

export type Outbox = {
  /** `kind` is `reply` unless it is given. */
  readonly add: (message: NewMessage) => void
  /** Oldest first. */
  readonly pending: (channel: string) => readonly OutgoingMessage[]
  readonly sending: (key: string) => void
  /** The channel could not take it; it certainly has not arrived. */
  readonly unsent: (key: string) => void
  readonly sent: (key: string) => void
}

/** Read at once; the rest is read when these have left. */
const PENDING_MAX = 100

export const createOutbox = (state: State, clock: Clock): Outbox => {
  const { database } = state
  const insert = database.query<undefined, [string, number, string, string, string, string, string, string, string]>(
    `insert into outbox (key, seq, at, kind, channel, turn, reply_to, text, lane, principal)
     values (?, (select coalesce(max(seq), 0) + 1 from outbox), ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
  )
  const pending = database.query<
    {
      key: string
      kind: OutgoingMessage['kind']
      channel: string
      turn: string
      replyTo: string
      text: string
      state: string
    },
    [string, number]
  >(
    `select key, kind, channel, turn, reply_to as replyTo, text, state from outbox
     where channel = ? and state <> 'sent' order by seq limit ?`,
  )
  const answers = database.query<{ id: string }, [string]>(
    'select message_id as id from inbound where turn = ? order by seq',
  )
  const mark = database.query<undefined, [string, string]>('update outbox set state = ? where key = ?')
  const setState = (name: string, ...row: Parameters<typeof mark.run>): void =>
    state.transaction(name, () => void mark.run(...row))
  return {
    add: ({ key, kind = 'reply', channel, turn, replyTo, text }) =>
      state.transaction(
        'outbox.add',
        () => void insert.run(key, clock.now(), kind, channel, turn, replyTo, text, OWNER_LANE, OWNER_PRINCIPAL),
      ),
    pending: (channel) =>
      pending.all(channel, PENDING_MAX).map(({ state: sent, ...row }) => ({
        ...row,
        answers: row.kind === 'reply' ? answers.all(row.turn).map(({ id }) => id) : [],
        repeat: sent === 'sending',
      })),
    sending: (key) => setState('outbox.sending', 'sending', key),
    unsent: (key) => setState('outbox.unsent', 'pending', key),
    sent: (key) => setState('outbox.sent', 'sent', key),
  }
}
