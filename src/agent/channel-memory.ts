/** What the node remembers per channel: how far it was read, and the small texts that its adapter keeps. */
import type { Clock } from '../utils/clock.ts'
import { NodeError } from '../utils/node-error.ts'
import type { State } from './persistence.ts'

/** Longest value that an adapter may keep, in characters: a session or a list of hashes, not a mailbox. */
const VALUE_CHARACTERS_MAX = 64 * 1024

export type ChannelMemory = {
  /** null: never polled before. */
  readonly cursor: (channel: string) => string | null
  /** To be called in the transaction that stores the messages before it. */
  readonly moveCursor: (channel: string, cursor: string) => void
  readonly get: (channel: string, key: string) => string | null
  /** null deletes. @throws {NodeError} USAGE for a value that is too long. */
  readonly set: (channel: string, key: string, value: string | null) => void
}

export const createChannelMemory = (state: State, clock: Clock): ChannelMemory => {
  const { database } = state
  const cursor = database.query<{ cursor: string }, [string]>('select cursor from channel_cursors where channel = ?')
  const moveCursor = database.query<undefined, [string, string, number]>(
    `insert into channel_cursors (channel, cursor, at) values (?, ?, ?)
     on conflict do update set cursor = excluded.cursor, at = excluded.at`,
  )
  const get = database.query<{ value: string }, [string, string]>(
    'select value from channel_store where channel = ? and key = ?',
  )
  const set = database.query<undefined, [string, string, string]>(
    'insert into channel_store (channel, key, value) values (?, ?, ?) on conflict do update set value = excluded.value',
  )
  const forget = database.query<undefined, [string, string]>('delete from channel_store where channel = ? and key = ?')
  return {
    cursor: (channel) => cursor.get(channel)?.cursor ?? null,
    moveCursor: (channel, to) =>
      state.transaction('channel.cursor', () => void moveCursor.run(channel, to, clock.now())),
    get: (channel, key) => get.get(channel, key)?.value ?? null,
    set: (channel, key, value) => {
      if (value !== null && value.length > VALUE_CHARACTERS_MAX) {
        throw new NodeError('USAGE', `${channel} cannot keep ${value.length} characters as ${key}`, {
          hint: `at most ${VALUE_CHARACTERS_MAX}`,
        })
      }
      state.transaction(
        'channel.store',
        () => void (value === null ? forget.run(channel, key) : set.run(channel, key, value)),
      )
    },
  }
}
