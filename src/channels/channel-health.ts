/** How each channel does, for `status`: the newest fault of each of its two directions, until that direction works again. */
import type { Clock } from '../utils/clock.ts'
import type { ChannelError, ChannelFault } from './channel-error.ts'

export type ChannelState = {
  readonly name: string
  /** `new`: nothing is known yet. */
  readonly state: 'new' | 'ok' | ChannelFault
  /** When that began, in milliseconds since the epoch. */
  readonly since: number
  readonly reason: string | null
  readonly mend: string | null
}

export type ChannelHealth = {
  readonly opened: (name: string) => void
  readonly works: (name: string, direction: 'poll' | 'send') => void
  readonly failed: (name: string, direction: 'poll' | 'send', error: ChannelError) => void
  readonly list: () => readonly ChannelState[]
}

export const createChannelHealth = (clock: Clock): ChannelHealth => {
  type Sides = { poll: ChannelState; send: ChannelState }
  const channels = new Map<string, Sides>()
  const fresh = (name: string): ChannelState => ({ name, state: 'new', since: clock.now(), reason: null, mend: null })
  const sidesOf = (name: string): Sides => {
    const sides = channels.get(name) ?? { poll: fresh(name), send: fresh(name) }
    channels.set(name, sides)
    return sides
  }
  return {
    opened: (name) => void channels.set(name, { poll: fresh(name), send: fresh(name) }),
    works: (name, direction) => {
      const sides = sidesOf(name)
      if (sides[direction].state !== 'ok') sides[direction] = { ...fresh(name), state: 'ok' }
    },
    failed: (name, direction, { fault, message, hint }) => {
      const sides = sidesOf(name)
      const since = sides[direction].state === fault ? sides[direction].since : clock.now()
      sides[direction] = { name, state: fault, since, reason: message, mend: hint }
    },
    list: () =>
      [...channels.values()].map(({ poll, send }) => [poll, send].find(({ reason }) => reason !== null) ?? poll),
  }
}
