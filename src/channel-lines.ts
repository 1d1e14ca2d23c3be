/**
 * The channels that are served, each with its two directions: batches come in and are stored, replies leave through the
 * outbox. What happens with a message in between is the conversation's.
 */
import type { InboundMessage } from './agent/inbox.ts'
import type { ChannelError } from './channels/channel-error.ts'
import type { Channel, IncomingBatch } from './channels/channels.types.ts'
import { createCourtesies } from './channels/courtesies.ts'
import { hostsIn } from './channels/defuse-links.ts'
import { pollChannel } from './channels/poll-channel.ts'
import { createReplySender, type ReplySender } from './channels/reply-sender.ts'
import type { ConversationParts } from './conversation.types.ts'
import { takeBatch } from './take-batch.ts'

/** Messages of the owner among which a host is looked for as a whole, after SQLite has found its letters. */
const MENTIONS_LOOKED_AT = 50

export type ChannelLines = {
  readonly channels: ReadonlyMap<string, Channel>
  /** Opens the way out; what waits there leaves. After the signal aborts, what fails waits for the next start. */
  readonly open: (channel: Channel, signal: AbortSignal) => void
  /** Takes in messages until the signal aborts or the other side has ended. `onTaken` gets the owner's new ones, stored. */
  readonly poll: (
    channel: Channel,
    signal: AbortSignal,
    onTaken: (messages: readonly InboundMessage[]) => void,
  ) => Promise<void>
  /** Something waits in the outbox of the channel. */
  readonly send: (channel: string) => void
  readonly typing: (channel: Channel | undefined, messageId: string) => void
  /** Resolves when everything that was sent until now has ended, rests apart. */
  readonly idle: () => Promise<void>
}

export const createChannelLines = (parts: ConversationParts): ChannelLines => {
  const { inbox, outbox, journal, health, memory, timing, onFatal } = parts
  const channels = new Map<string, Channel>()
  const senders = new Map<string, ReplySender>()
  const courtesy = createCourtesies(parts.onChannelFault)
  const batchParts = { ...parts, served: () => [...channels.keys()] }
  const isNamedHost = (host: string) =>
    inbox.mentions(host, MENTIONS_LOOKED_AT).some((text) => hostsIn(text).includes(host))

  const failed = (name: string, direction: 'poll' | 'send') => (error: ChannelError) => {
    health.failed(name, direction, error)
    parts.onChannelFault(name, direction, error)
  }

  const createSender = (channel: Channel, signal: AbortSignal): ReplySender => {
    const { name } = channel
    const report = {
      onFault: failed(name, 'send'),
      onSent: () => health.works(name, 'send'),
      onAbandoned: (part: { readonly key: string; readonly as: string; readonly reason: string }) => {
        const payload = { ...part, reason: parts.redact(part.reason), channel: name }
        journal.append({ type: 'reply.abandoned', turn: null, ref: part.key, payload })
      },
    }
    return createReplySender({ outbox, timing, isNamedHost, onFatal, ...report }, channel, signal)
  }

  return {
    channels,
    open: (channel, signal) => {
      channels.set(channel.name, channel)
      health.opened(channel.name)
      const sender = createSender(channel, signal)
      senders.set(channel.name, sender)
      sender.wake()
    },
    poll: async (channel, signal, onTaken) => {
      const { name } = channel
      let told: ChannelError | undefined
      const store = async (batch: IncomingBatch): Promise<void> => {
        const { taken, linked } = await takeBatch(batchParts, channel, batch, signal)
        if (batch.fault === undefined) health.works(name, 'poll')
        else if (batch.fault !== told) failed(name, 'poll')(batch.fault)
        told = batch.fault
        for (const { messageId } of taken) courtesy.ack(channel, messageId)
        onTaken(taken)
        const woken = linked ? [...senders.values()] : [senders.get(name)]
        for (const sender of woken) sender?.wake() // whoever writes is there: what nobody had taken is offered again
      }
      const pollParts = { timing, cursor: () => memory.cursor(name), store, onFault: failed(name, 'poll') }
      await pollChannel(channel, pollParts, signal).catch(onFatal)
    },
    send: (channel) => senders.get(channel)?.wake(),
    typing: courtesy.typing,
    idle: async () => void (await Promise.all([...senders.values()].map((sender) => sender.idle()))),
  }
}
