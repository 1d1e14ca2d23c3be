/**
 * Sends a message, and finds one again whose outcome is unknown: the service takes no key against repeats. What was sent
 * last is remembered with its revision, and one message is sent at a time. So a message that is looked for is either that
 * one, or it lies behind it in the chat; the same words further back are another message.
 */
import { z } from 'zod'
import { ChannelError } from '../channel-error.ts'
import type { ChannelStore, OutgoingMessage } from '../channels.types.ts'
import type { ChatMessage } from './chat-client.schemas.ts'
import type { ChatClient } from './chat-client.ts'
import type { KnownConvos } from './known-convos.ts'
import { findLinks } from './link-facets.ts'
import { didOf, parseMessageId } from './message-ids.ts'

/** What a search looks through when nothing tells where to stop: 500 messages. */
const SEARCH_PAGES_MAX = 5

const lastSentSchema = z.object({ key: z.string(), id: z.string(), rev: z.string() })

export type ReplyDesk = {
  readonly send: (message: OutgoingMessage, signal: AbortSignal) => Promise<{ readonly id: string }>
  readonly find: (key: string, message: OutgoingMessage) => Promise<{ readonly id: string } | null>
}

export type ReplyDeskParts = {
  readonly client: ChatClient
  readonly convos: KnownConvos
  readonly store: ChannelStore
}

export const createReplyDesk = ({ client, convos, store }: ReplyDeskParts): ReplyDesk => {
  const storeKey = (convoId: string) => `last-sent:${convoId}`
  const remember = (convoId: string, key: string, { id, rev }: ChatMessage) => {
    store.set(storeKey(convoId), JSON.stringify({ key, id, rev }))
    return { id }
  }
  const lastIn = (convoId: string) =>
    lastSentSchema
      .nullable()
      .catch(null)
      .parse(JSON.parse(store.get(storeKey(convoId)) ?? 'null'))

  /** Chat and question that it belongs to. @throws {ChannelError} rejected unless that is a direct chat with its reader. */
  const addressOf = async ({ to, replyTo }: OutgoingMessage) => {
    const did = didOf(to)
    if (did === null) throw new ChannelError('rejected', `${to} is nobody on Bluesky`)
    if (replyTo === null) return { convoId: await convos.openWith(did), question: null }
    const { convoId, messageId } = parseMessageId(replyTo)
    if ((await convos.partnerIn(convoId)) === did) return { convoId, question: messageId }
    throw new ChannelError('rejected', `this is no direct chat with ${to}`)
  }

  return {
    send: async (message, signal) => {
      const { convoId, question } = await addressOf(message)
      const { key, text } = message
      const sent = await client.send({ convoId, text, facets: findLinks(text), replyTo: question }, signal)
      return remember(convoId, key, sent)
    },
    find: async (key, message) => {
      const { convoId, question } = await addressOf(message)
      const last = lastIn(convoId)
      if (last?.key === key) return { id: last.id }
      const self = await client.self()
      const isIt = ({ sender, text, replyTo, rev }: ChatMessage) =>
        sender.did === self &&
        text.trim() === message.text.trim() &&
        (last === null || rev > last.rev) &&
        (replyTo?.id === (question ?? undefined) || (replyTo === undefined && last !== null))
      const isBefore = ({ id, rev }: ChatMessage) => id === question || (last !== null && rev <= last.rev)
      const found = await search(client, convoId, { isIt, isBefore })
      return found && remember(convoId, key, found)
    },
  }
}

type Search = {
  readonly isIt: (message: ChatMessage) => boolean
  /** It cannot lie further back. */
  readonly isBefore: (message: ChatMessage) => boolean
}

const search = async (client: ChatClient, convoId: string, { isIt, isBefore }: Search): Promise<ChatMessage | null> => {
  let older: string | null = null
  for (let page = 0; page < SEARCH_PAGES_MAX; page++) {
    const { messages, older: next } = await client.messages(convoId, older)
    const found = messages.find(isIt)
    if (found) return found
    if (next === null || messages.some(isBefore)) return null
    older = next
  }
  return null
}
