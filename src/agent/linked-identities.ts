/** Further identities of the one owner, each on one channel. Adding one is proved elsewhere: here it is only kept. */
import type { Clock } from '../utils/clock.ts'
import type { State } from './persistence.ts'

export type LinkedIdentity = {
  readonly channel: string
  readonly senderId: string
  /** When it was linked, in milliseconds since the epoch. */
  readonly at: number
}

export type LinkedIdentities = {
  readonly add: (channel: string, senderId: string) => void
  /** false when there was none. */
  readonly remove: (channel: string, senderId: string) => boolean
  readonly has: (channel: string, senderId: string) => boolean
  /** Oldest first. */
  readonly list: () => readonly LinkedIdentity[]
}

export const createLinkedIdentities = (state: State, clock: Clock): LinkedIdentities => {
  const { database } = state
  const add = database.query<undefined, [string, string, number]>(
    'insert into linked_identities (channel, sender, at) values (?, ?, ?) on conflict do nothing',
  )
  const remove = database.query<undefined, [string, string]>(
    'delete from linked_identities where channel = ? and sender = ?',
  )
  const has = database.query<{ found: number }, [string, string]>(
    'select 1 as found from linked_identities where channel = ? and sender = ?',
  )
  const list = database.query<LinkedIdentity, []>(
    'select channel, sender as senderId, at from linked_identities order by at, channel, sender',
  )
  return {
    add: (channel, senderId) => state.transaction('identity.link', () => void add.run(channel, senderId, clock.now())),
    remove: (channel, senderId) =>
      state.transaction('identity.unlink', () => remove.run(channel, senderId).changes > 0),
    has: (channel, senderId) => has.get(channel, senderId) !== null,
    list: () => list.all(),
  }
}
