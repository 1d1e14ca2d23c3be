/**
 * Signs that cost nothing to miss: "seen" after a message is stored, "typing" while it is worked on. Nothing waits for
 * them. Each channel does one after the other, and beyond `WAITING_MAX` further ones are dropped: a backlog of thousands
 * is not greeted one by one.
 */
import { createLane, type Lane } from '../utils/lane.ts'
import { type ChannelError, toChannelError } from './channel-error.ts'
import type { Channel } from './channels.types.ts'

const WAITING_MAX = 20

export type Courtesies = {
  readonly ack: (channel: Channel | undefined, messageId: string) => void
  readonly typing: (channel: Channel | undefined, messageId: string) => void
}

/** `onFault` must not throw. */
export const createCourtesies = (
  onFault: (channel: string, doing: 'ack' | 'typing', error: ChannelError) => void,
): Courtesies => {
  const lanes = new Map<string, { readonly lane: Lane; waiting: number }>()
  const laneOf = (name: string) => {
    const found = lanes.get(name) ?? { lane: createLane(), waiting: 0 }
    lanes.set(name, found)
    return found
  }
  const offer = (channel: Channel | undefined, doing: 'ack' | 'typing', messageId: string): void => {
    if (!channel?.[doing]) return
    const queue = laneOf(channel.name)
    if (queue.waiting >= WAITING_MAX) return
    queue.waiting++
    void queue.lane
      .run(async () => channel[doing]?.(messageId))
      .catch((error: unknown) => onFault(channel.name, doing, toChannelError(error)))
      .finally(() => queue.waiting--)
  }
  return {
    ack: (channel, messageId) => offer(channel, 'ack', messageId),
    typing: (channel, messageId) => offer(channel, 'typing', messageId),
  }
}
