/** Ids of messages as the port sees them: chat and message, because the service asks for both. */
import { ChannelError } from '../channel-error.ts'

const SUBJECT_PREFIX = 'atproto:'

export type MessageId = { readonly convoId: string; readonly messageId: string }

export const formatMessageId = ({ convoId, messageId }: MessageId): string => `${convoId}:${messageId}`

/** @throws {ChannelError} rejected. */
export const parseMessageId = (id: string): MessageId => {
  const at = id.indexOf(':')
  if (at < 1) throw new ChannelError('rejected', 'this is no message of Bluesky')
  return { convoId: id.slice(0, at), messageId: id.slice(at + 1) }
}

export const formatSubject = (did: string): string => `${SUBJECT_PREFIX}${did}`

/** DID of a subject; null when it is none of the AT Protocol. */
export const didOf = (subject: string): string | null =>
  subject.startsWith(`${SUBJECT_PREFIX}did:`) ? subject.slice(SUBJECT_PREFIX.length) : null
