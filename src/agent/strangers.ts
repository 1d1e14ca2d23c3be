/**
 * Messages of people who are not the owner. Of each, one row of the inbox tells that it came (never what it said), so that
 * it is known when it comes again, until a sender has had `RECORDED_PER_DAY` on one day, or a channel has had
 * `SENDERS_PER_DAY` senders: beyond that they are only counted, in one row per sender or one for all further ones. A flood
 * therefore writes a bounded number of rows a day, and a message beyond the bound that is delivered twice counts twice.
 */
import { type Clock, formatInstant } from '../utils/clock.ts'
import { OWNER_LANE } from './journal.ts'
import type { State } from './persistence.ts'

/** Enough to see that somebody tries, and what for. */
const RECORDED_PER_DAY = 10
/** Senders on one channel and day that get rows of their own. */
const SENDERS_PER_DAY = 100
/** Stands for all senders beyond these. */
const OTHERS = '*'
/** Of an ISO instant: `2026-11-20`. */
const DAY_CHARACTERS = 10

type StrangerMessage = { readonly channel: string; readonly messageId: string; readonly senderId: string }

export type Strangers = {
  /** `recorded`: it has a row and deserves an entry in the journal; `known`: it came before; `counted`: beyond the bound. */
  readonly note: (message: StrangerMessage) => 'recorded' | 'known' | 'counted'
  /** Messages so far that were counted only; the recorded ones are refused rows of the inbox. */
  readonly unrecorded: () => number
}

export const createStrangers = (state: State, clock: Clock): Strangers => {
  const { database } = state
  const find = database.query<{ recorded: number }, [string, string, string]>(
    'select recorded from strangers where channel = ? and day = ? and sender = ?',
  )
  const senders = database.query<{ count: number }, [string, string]>(
    'select count(*) as count from strangers where channel = ? and day = ?',
  )
  const insert = database.query<undefined, [string, string, number, string, string, string]>(
    `insert into inbound (channel, message_id, at, sender, text, state, lane, principal)
     values (?, ?, ?, ?, '', 'refused', ?, ?) on conflict do nothing`,
  )
  const count = database.query<undefined, [string, string, string, number, number]>(
    `insert into strangers (channel, day, sender, recorded, unrecorded) values (?, ?, ?, ?, ?)
     on conflict do update set recorded = recorded + excluded.recorded, unrecorded = unrecorded + excluded.unrecorded`,
  )
  const sum = database.query<{ count: number }, []>('select coalesce(sum(unrecorded), 0) as count from strangers')

  const note: Strangers['note'] = ({ channel, messageId, senderId }) => {
    const at = clock.now()
    const day = formatInstant(at).slice(0, DAY_CHARACTERS)
    const row = find.get(channel, day, senderId)
    const mayBeNew = row !== null || (senders.get(channel, day)?.count ?? 0) < SENDERS_PER_DAY
    if (!mayBeNew || (row?.recorded ?? 0) >= RECORDED_PER_DAY) {
      count.run(channel, day, mayBeNew ? senderId : OTHERS, 0, 1)
      return 'counted'
    }
    if (insert.run(channel, messageId, at, senderId, OWNER_LANE, 'stranger').changes === 0) return 'known'
    count.run(channel, day, senderId, 1, 0)
    return 'recorded'
  }

  return {
    note: (message) => state.transaction('stranger', () => note(message)),
    unrecorded: () => sum.get()?.count ?? 0,
  }
}
