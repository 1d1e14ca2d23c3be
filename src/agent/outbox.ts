/**
 * Replies on their way out: written in the transaction that ends the turn, sent afterwards, in parts that fit the channel.
 * A reply is laid out once, when it is first sent: each part has a key and a row of its own, so that a crash in the middle
 * of ten parts sends only those again that had not left. What was being sent when the process or the connection died is
 * `unsettled`: it may have arrived. A question or a notice that has left is kept without its code.
 */
import type { Clock } from '../utils/clock.ts'
import { withoutCodeWords } from './confirmation-code.ts'
import { OWNER_LANE, OWNER_PRINCIPAL } from './journal.ts'
import type { State } from './persistence.ts'

export type NewReply = {
  /** A question answers nothing: the turn waits for its answer. Nor does a notice, and nothing waits. Default: `reply`. */
  readonly kind?: 'reply' | 'question' | 'notice'
  /** Deterministic per turn, so that a turn is answered once. */
  readonly key: string
  readonly channel: string
  readonly turn: string
  /** Whom it is for. */
  readonly to: string
  /** The message that the turn began with; null for what nobody asked. */
  readonly replyTo: string | null
  readonly text: string
}

export type Reply = Required<NewReply> & {
  /** All messages that it answers, oldest first: that one, and those that joined the turn while it ran. */
  readonly answers: readonly string[]
}

export type ReplyPart = {
  /** `<key of the reply>/<number from 1>`. */
  readonly key: string
  readonly text: string
  /** Attempts whose outcome nobody knows: each may have delivered it. */
  readonly unsettled: number
}

export type Outbox = {
  readonly add: (reply: NewReply) => void
  /** Those that have not left as a whole, oldest first. */
  readonly pending: (channel: string) => readonly Reply[]
  /** Parts that have not left, in order; `layOut` makes the parts when there are none yet. */
  readonly parts: (reply: string, layOut: () => readonly string[]) => readonly ReplyPart[]
  readonly sending: (part: string) => void
  /** The last attempt certainly has not delivered it. */
  readonly unsent: (part: string) => void
  /** None of the attempts has delivered it. */
  readonly missing: (part: string) => void
  /** `id`: what the channel calls it. */
  readonly sent: (part: string, id: string) => void
  /** It is not sent again: the channel will never take it, or nobody knows whether its repeat has arrived. */
  readonly abandon: (part: string, as: 'refused' | 'unsure') => void
  /** How many parts were abandoned. */
  readonly abandoned: () => number
}

/** Read at once; the rest is read when these have left. */
const PENDING_MAX = 100

export const createOutbox = (state: State, clock: Clock): Outbox => {
  const { database } = state
  const insert = database.query<
    undefined,
    [string, number, string, string, string, string, string, string, string, string]
  >(
    `insert into outbox (key, seq, at, kind, channel, turn, reply_to, text, recipient, lane, principal)
     values (?, (select coalesce(max(seq), 0) + 1 from outbox), ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
  )
  // A row of an earlier version has no recipient: that was whoever had asked.
  const pending = database.query<Omit<Reply, 'answers' | 'replyTo'> & { replyTo: string }, [string, number]>(
    `select key, kind, channel, turn, reply_to as replyTo, text, coalesce(recipient,
       (select sender from inbound i where i.channel = o.channel and i.message_id = o.reply_to), '') as "to"
     from outbox o where channel = ? and state <> 'sent' order by seq limit ?`,
  )
  const answers = database.query<{ id: string }, [string]>(
    'select message_id as id from inbound where turn = ? order by seq',
  )
  const abandoned = database.query<{ count: number }, []>(
    `select count(*) as count from outbox_parts where state in ('refused', 'unsure')`,
  )
  const parts = createParts(state)
  return {
    add: ({ key, kind = 'reply', channel, turn, to, replyTo, text }) =>
      state.transaction(
        'outbox.add',
        () =>
          void insert.run(key, clock.now(), kind, channel, turn, replyTo ?? '', text, to, OWNER_LANE, OWNER_PRINCIPAL),
      ),
    pending: (channel) =>
      pending.all(channel, PENDING_MAX).map((row) => ({
        ...row,
        replyTo: row.replyTo === '' ? null : row.replyTo,
        answers: row.kind === 'reply' ? answers.all(row.turn).map(({ id }) => id) : [],
      })),
    ...parts,
    abandoned: () => abandoned.get()?.count ?? 0,
  }
}

const createParts = (state: State): Omit<Outbox, 'add' | 'pending' | 'abandoned'> => {
  const { database } = state
  const exists = database.query<{ found: number }, [string]>(
    'select 1 as found from outbox_parts where reply = ? limit 1',
  )
  const insert = database.query<undefined, [string, string, number, string]>(
    'insert into outbox_parts (key, reply, number, text) values (?, ?, ?, ?)',
  )
  // An earlier version sent replies whole, and marked one whose outcome was unknown.
  const inherit = database.query<undefined, [string, string]>(
    `update outbox_parts set unsettled = 1 where key = ? and exists
       (select 1 from outbox where key = ? and state = 'sending')`,
  )
  const waiting = database.query<ReplyPart, [string]>(
    `select key, text, unsettled from outbox_parts where reply = ? and state = 'pending' order by number`,
  )
  const count = database.query<undefined, [string]>('update outbox_parts set unsettled = unsettled + 1 where key = ?')
  const settle = database.query<undefined, [string]>(
    'update outbox_parts set unsettled = max(0, unsettled - 1) where key = ?',
  )
  const missing = database.query<undefined, [string]>('update outbox_parts set unsettled = 0 where key = ?')
  const end = database.query<undefined, [string, string | null, string]>(
    'update outbox_parts set state = ?, service_id = ? where key = ?',
  )
  const endReply = database.query<undefined, [string]>(
    `update outbox set state = 'sent' where key = (select reply from outbox_parts where key = ?1)
       and not exists (select 1 from outbox_parts where reply = outbox.key and state = 'pending')`,
  )
  const asking = database.query<{ reply: string; whole: string; text: string; state: string }, [string]>(
    `select o.key as reply, o.text as whole, p.text as text, o.state as state
       from outbox_parts p join outbox o on o.key = p.reply where p.key = ? and o.kind <> 'reply'`,
  )
  const keepPart = database.query<undefined, [string, string]>('update outbox_parts set text = ? where key = ?')
  const keepReply = database.query<undefined, [string, string]>('update outbox set text = ? where key = ?')
  const forgetCode = (part: string): void => {
    const asked = asking.get(part)
    if (!asked) return
    keepPart.run(withoutCodeWords(asked.text), part)
    if (asked.state === 'sent') keepReply.run(withoutCodeWords(asked.whole), asked.reply)
  }
  const close = (part: string, as: string, id: string | null): void =>
    state.transaction('outbox.sent', () => {
      end.run(as, id, part)
      endReply.run(part)
      forgetCode(part)
    })
  return {
    parts: (reply, layOut) => {
      if (!exists.get(reply)) {
        state.transaction('outbox.parts', () => {
          for (const [index, text] of layOut().entries()) insert.run(`${reply}/${index + 1}`, reply, index + 1, text)
          inherit.run(`${reply}/1`, reply)
        })
      }
      return waiting.all(reply)
    },
    sending: (part) => state.transaction('outbox.sending', () => void count.run(part)),
    unsent: (part) => state.transaction('outbox.unsent', () => void settle.run(part)),
    missing: (part) => state.transaction('outbox.missing', () => void missing.run(part)),
    sent: (part, id) => close(part, 'sent', id),
    abandon: (part, as) => close(part, as, null),
  }
}
