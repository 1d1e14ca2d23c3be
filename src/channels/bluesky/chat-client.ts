/** The chat service, reached through the account's own server, in the words of this channel. */
import { type AtpAgent, XRPCError } from '@atproto/api'
import type { z } from 'zod'
import { ChannelError } from '../channel-error.ts'
import { errorName } from './bluesky-faults.ts'
import type { BlueskySession } from './bluesky-session.ts'
import {
  type ChatMessage,
  type Convo,
  type CreateEvent,
  convoAnswerSchema,
  logPageSchema,
  messagePageSchema,
  sentMessageSchema,
  statusSchema,
  toConvo,
} from './chat-client.schemas.ts'
import type { LinkFacet } from './link-facets.ts'

/** The most that the service gives at once. */
const MESSAGES_PER_PAGE = 100

export type MessagePage = { readonly messages: readonly ChatMessage[]; readonly older: string | null }
export type LogPage = {
  readonly events: readonly CreateEvent[]
  /** Events of every kind, also those that are passed over. */
  readonly size: number
  readonly cursor: string | null
}
export type NewMessage = {
  readonly convoId: string
  readonly text: string
  readonly facets: readonly LinkFacet[]
  readonly replyTo: string | null
}

/** Every method rejects with `ChannelError`. */
export type ChatClient = {
  /** DID of the agent's own account. */
  readonly self: () => Promise<string>
  readonly isDisabled: (signal?: AbortSignal) => Promise<boolean>
  /** Events after the cursor; null asks for the place "now", and gives no events. */
  readonly log: (cursor: string | null, signal: AbortSignal) => Promise<LogPage>
  /** Newest first. */
  readonly messages: (convoId: string, older: string | null, signal?: AbortSignal) => Promise<MessagePage>
  /** null: there is none, or none any more. */
  readonly convo: (convoId: string) => Promise<Convo | null>
  /** The direct chat with an account; it is begun when there is none. */
  readonly convoWith: (did: string) => Promise<Convo>
  readonly accept: (convoId: string) => Promise<void>
  readonly send: (message: NewMessage, signal: AbortSignal) => Promise<ChatMessage>
  readonly react: (message: { readonly convoId: string; readonly messageId: string }, emoji: string) => Promise<void>
  readonly markRead: (message: { readonly convoId: string; readonly messageId: string }) => Promise<void>
}

type Answer = Promise<{ readonly data: unknown }>

/** `chatDid`: the account of the chat service, to which the account's server hands the requests on. */
export const createChatClient = (session: BlueskySession, chatDid: string): ChatClient => {
  const use = <T>(work: (agent: AtpAgent) => Promise<T>, keep?: (error: unknown) => boolean) =>
    session.use((agent) => work(agent.withProxy('bsky_chat', chatDid)), keep)
  const ask = async <T>(schema: z.ZodType<T>, work: (agent: AtpAgent) => Answer): Promise<T> => {
    const answer = await use(work, hasAnswer).catch(answerIn)
    const parsed = schema.safeParse(answer.data)
    if (parsed.success) return parsed.data
    throw new ChannelError('unreachable', 'the chat service gave an answer of an unknown shape', {
      cause: parsed.error,
    })
  }
  const self = () => session.use(async (agent) => agent.assertDid)
  const send: ChatClient['send'] = ({ convoId, text, facets, replyTo }, signal) => {
    const message = { text, ...(facets.length > 0 && { facets: [...facets] }) }
    const target = replyTo === null ? {} : { replyTo: { messageId: replyTo } }
    return ask(sentMessageSchema, (agent) => {
      const post = (reply: typeof target) =>
        agent.chat.bsky.convo.sendMessage({ convoId, message: { ...message, ...reply } }, { signal })
      // The owner may have deleted the question meanwhile; the answer still belongs into the chat.
      return post(target).catch((error: unknown) => {
        if (errorName(error) !== 'ReplyTargetNotFound') throw error
        return post({})
      })
    })
  }
  return {
    self,
    send,
    isDisabled: async (signal) =>
      (await ask(statusSchema, (agent) => agent.chat.bsky.actor.getStatus({}, withSignal(signal)))).chatDisabled,
    log: async (cursor, signal) => {
      const params = cursor === null ? {} : { cursor }
      const page = await ask(logPageSchema, (agent) => agent.chat.bsky.convo.getLog(params, { signal }))
      const events = page.logs.filter((event) => event !== null)
      return { events, size: page.logs.length, cursor: page.cursor ?? null }
    },
    messages: async (convoId, older, signal) => {
      const params = { convoId, limit: MESSAGES_PER_PAGE, ...(older !== null && { cursor: older }) }
      const page = await ask(messagePageSchema, (agent) =>
        agent.chat.bsky.convo.getMessages(params, withSignal(signal)),
      )
      return { messages: page.messages.filter((message) => message !== null), older: page.cursor ?? null }
    },
    convo: async (convoId) => {
      try {
        const { convo } = await ask(convoAnswerSchema, (agent) => agent.chat.bsky.convo.getConvo({ convoId }))
        return toConvo(convo, await self())
      } catch (error) {
        if (error instanceof ChannelError && error.fault === 'rejected') return null
        throw error
      }
    },
    convoWith: async (did) => {
      const params = { members: [did] }
      const { convo } = await ask(convoAnswerSchema, (agent) => agent.chat.bsky.convo.getConvoForMembers(params))
      return toConvo(convo, await self())
    },
    accept: async (convoId) => void (await use((agent) => agent.chat.bsky.convo.acceptConvo({ convoId }))),
    react: async (message, value) =>
      void (await use((agent) => agent.chat.bsky.convo.addReaction({ ...message, value }))),
    markRead: async (message) => void (await use((agent) => agent.chat.bsky.convo.updateRead({ ...message }))),
  }
}

const withSignal = (signal: AbortSignal | undefined) => (signal ? { signal } : {})

/** The client refuses an answer whose shape its lexicons do not know, and hands it out with the error. */
const hasAnswer = (error: unknown): boolean => error instanceof XRPCError && 'responseBody' in error
const answerIn = (error: unknown): { readonly data: unknown } => {
  if (error instanceof XRPCError && 'responseBody' in error) return { data: error.responseBody }
  throw error
}
