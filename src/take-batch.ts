/**
 * How messages come in. A batch of a channel is stored in one transaction with the cursor behind it: after a crash it is
 * either there as a whole, or delivered again. Who is not the owner is refused before anything is stored of what they
 * said; only a link code is read from them.
 */
import type { InboundMessage } from './agent/inbox.ts'
import { announceLink } from './announce-link.ts'
import type { Channel, IncomingBatch, IncomingMessage } from './channels/channels.types.ts'
import type { ConversationParts } from './conversation.types.ts'

/** How long all files of a batch may take to arrive: until then, a STOP behind them on the same channel is not heard. */
const FETCH_TIME_MAX_MS = 60_000

export type TakeBatchParts = Pick<
  ConversationParts,
  | 'inbox'
  | 'outbox'
  | 'journal'
  | 'ownerGate'
  | 'memory'
  | 'strangers'
  | 'links'
  | 'linkDesk'
  | 'keepAttachments'
  | 'redact'
> & {
  /** Names of the channels that are served. */
  readonly served: () => readonly string[]
}

export type TakenBatch = {
  /** The owner's messages that had not come before. */
  readonly taken: readonly InboundMessage[]
  /** An identity was linked: notices wait on all channels. */
  readonly linked: boolean
}

export const takeBatch = async (
  parts: TakeBatchParts,
  channel: Channel,
  { messages, cursor }: IncomingBatch,
  signal: AbortSignal,
): Promise<TakenBatch> => {
  if (messages.length === 0 && (cursor === null || cursor === parts.memory.cursor(channel.name))) return NOTHING
  const ready: (InboundMessage | Stranger)[] = []
  const until = { signal, late: AbortSignal.timeout(FETCH_TIME_MAX_MS) }
  for (const message of messages) ready.push(await receive(parts, channel.name, message, until))
  // A file that was cut off by the end of the node is fetched again, with the whole batch, at the next start.
  if (signal.aborted && cursor !== null && messages.some(({ attachments = [] }) => attachments.length > 0))
    return NOTHING
  return parts.journal.transaction('batch.in', () => {
    const owners = ready.filter((message) => !('reason' in message))
    const taken = owners.filter((message) => !spendCode(parts, message) && parts.inbox.accept(message))
    const linked = ready.filter((message) => 'reason' in message && refuse(parts, message)).length > 0
    if (cursor !== null) parts.memory.moveCursor(channel.name, cursor)
    return { taken, linked }
  })
}

const NOTHING: TakenBatch = { taken: [], linked: false }

type Stranger = Omit<InboundMessage, 'followUp' | 'attachments'> & { readonly reason: string }

const receive = async (
  parts: TakeBatchParts,
  channel: string,
  { id, senderId, text, followUp = false, attachments = [] }: IncomingMessage,
  until: { readonly signal: AbortSignal; readonly late: AbortSignal },
): Promise<InboundMessage | Stranger> => {
  const message = { channel, messageId: id, senderId, text }
  const proof = parts.ownerGate(message)
  if (!proof.ok) return { ...message, reason: proof.reason }
  const isNew = attachments.length > 0 && !parts.inbox.has(channel, id)
  const files = isNew ? await parts.keepAttachments(message, attachments, until) : []
  const kept = files.map((file) => ({ ...file, refusal: file.refusal && parts.redact(file.refusal) }))
  return { ...message, followUp, attachments: kept }
}

/** The code where nothing is to be linked: it is used up, and no model reads it. */
const spendCode = (parts: TakeBatchParts, message: InboundMessage): boolean => {
  const { channel, messageId, senderId } = message
  if (parts.inbox.has(channel, messageId) || parts.linkDesk.redeem(message.text) !== 'linked') return false
  parts.inbox.acceptAnswered(message)
  const key = `link/${channel}/${messageId}`
  const text = 'You speak as my owner here already. That code is used up.'
  parts.outbox.add({ key, channel, turn: key, to: senderId, replyTo: messageId, text })
  return true
}

/** Whether it has become the owner's by a link code instead. */
const refuse = (parts: TakeBatchParts, { reason, ...message }: Stranger): boolean => {
  if (parts.inbox.has(message.channel, message.messageId)) return false
  if (parts.linkDesk.redeem(message.text) === 'linked') {
    parts.links.add(message.channel, message.senderId)
    parts.inbox.acceptAnswered(message)
    announceLink(parts, message)
    return true
  }
  if (parts.strangers.note(message) === 'recorded') {
    const payload = { channel: message.channel, senderId: message.senderId, reason }
    parts.journal.append({ type: 'message.refused', turn: null, payload })
  }
  return false
}
