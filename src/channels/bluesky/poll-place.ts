/** How far the messages of an account have been read, as the core keeps it. */
import { z } from 'zod'
import type { ChannelError } from '../channel-error.ts'
import type { IncomingBatch, IncomingMessage } from '../channels.types.ts'
import type { ChatMessage } from './chat-client.schemas.ts'
import { formatMessageId, formatSubject } from './message-ids.ts'

/** A post that is shared comes without words, and this channel does not show it. */
const WITHOUT_WORDS = '(a message without words, such as a shared post; this channel cannot show it)'

const placeSchema = z.object({
  /** Cursor of the log. */
  log: z.string(),
  /** Of each of the owner's chats: revision of the last message that was read. */
  seen: z.record(z.string(), z.string()),
})
export type Place = z.output<typeof placeSchema>

/** Messages, and the place behind them. */
export type Progress = { readonly messages: readonly IncomingMessage[]; readonly place: Place }

/** `closed`: a chat of the owner's that cannot be read. */
export const toBatch = ({ messages, place }: Progress, closed: ChannelError | null): IncomingBatch => ({
  messages,
  cursor: JSON.stringify(place),
  ...(closed !== null && { fault: closed }),
})

export const readPlace = (cursor: string | null): Place | null =>
  cursor === null ? null : placeSchema.parse(JSON.parse(cursor))

/** Revisions sort as they were made. */
export const moveSeen = (place: Place, convoId: string, rev: string): Place => {
  const known = place.seen[convoId]
  return known !== undefined && known >= rev ? place : { ...place, seen: { ...place.seen, [convoId]: rev } }
}

export const toIncoming = (convoId: string, { id, text, sender }: ChatMessage): IncomingMessage => ({
  id: formatMessageId({ convoId, messageId: id }),
  senderId: formatSubject(sender.did),
  text: text.trim() === '' ? WITHOUT_WORDS : text,
})
