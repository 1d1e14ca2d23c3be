/**
 * What the owner's chats hold beyond what was read, oldest first. The service gives pages from the newest to the oldest,
 * so the way back is walked first, and of it only the cursors are kept: two pages are in memory at most, however long the
 * absence was.
 *
 * At the very first start, what counts as unread is what the owner wrote after the agent's last reply: a node with an
 * empty state and an old account does not answer the past again.
 */
import { ChannelError } from '../channel-error.ts'
import { errorName } from './bluesky-faults.ts'
import type { ChatMessage } from './chat-client.schemas.ts'
import type { ChatClient, MessagePage } from './chat-client.ts'
import type { KnownConvos } from './known-convos.ts'
import { moveSeen, type Place, type Progress, toIncoming } from './poll-place.ts'

/** 20,000 messages that the log does not know of: beyond, the oldest are left unread. */
const PAGES_MAX = 200
/** The owner has no chat with the agent yet; their first message begins it. */
const NO_CHAT_YET = ['MessagesDisabled', 'NotFollowedBySender', 'RecipientNotFound']

/** Nothing of this chat can be had, whatever is said in the others. */
const CHAT_CLOSED = ['AccountSuspended', 'BlockedActor', 'BlockedSubject', 'ConvoLocked']

export type CatchUpParts = {
  readonly client: ChatClient
  readonly convos: KnownConvos
  /** DIDs of the owner. */
  readonly owners: () => readonly string[]
}

type Options = {
  readonly from: Place
  /** Chats that were never read are read, too. */
  readonly isFirst: boolean
  readonly signal: AbortSignal
  /** Hears of a chat that is left out, because the service gives nothing of it. */
  readonly onClosed: (fault: ChannelError) => void
}

export const catchUp = async function* (
  { client, convos, owners }: CatchUpParts,
  { from, isFirst, signal, onClosed }: Options,
): AsyncGenerator<Progress> {
  const self = await client.self()
  let place = from
  for (const owner of owners()) {
    const convoId = await openChat(convos, owner, onClosed)
    const seen = convoId === null ? undefined : place.seen[convoId]
    if (convoId === null || (seen === undefined && !isFirst)) continue
    const isRead = ({ rev, sender, replyTo }: ChatMessage) =>
      seen === undefined ? sender.did === self && replyTo !== undefined : rev <= seen
    for await (const { page, until } of readForward(client, { convoId, isRead, signal })) {
      const messages = page.filter(({ sender }) => sender.did === owner).map((message) => toIncoming(convoId, message))
      place = moveSeen(place, convoId, until)
      yield { messages, place }
    }
  }
}

type Walk = {
  readonly convoId: string
  readonly isRead: (message: ChatMessage) => boolean
  readonly signal: AbortSignal
}

/**
 * Messages that were not read, oldest first. What was found on the way back stays as it was: the agent answers the first
 * page while the next one is fetched, which moves what the service calls its newest page, but not the pages behind a cursor.
 */
const readForward = async function* (client: ChatClient, { convoId, isRead, signal }: Walk) {
  const { messages: newest, older } = await client.messages(convoId, null, signal)
  const cursors: string[] = []
  let [read, cursor] = [newest.find(isRead), older]
  while (!read && cursor !== null && cursors.length < PAGES_MAX) {
    cursors.unshift(cursor)
    const page: MessagePage = await client.messages(convoId, cursor, signal)
    read = page.messages.find(isRead)
    cursor = page.older
  }
  const after = read?.rev ?? ''
  const fresh = (messages: readonly ChatMessage[]) => ({
    page: messages.filter(({ rev }) => rev > after).toReversed(),
    /** Revision up to which everything has been read then. */
    until: messages[0]?.rev ?? after,
  })
  for (const at of cursors) yield fresh((await client.messages(convoId, at, signal)).messages)
  yield fresh(newest)
}

const openChat = async (convos: KnownConvos, owner: string, onClosed: Options['onClosed']): Promise<string | null> => {
  try {
    return await convos.openWith(owner)
  } catch (error) {
    if (!(error instanceof ChannelError)) throw error
    const name = errorName(error.cause) ?? ''
    if (NO_CHAT_YET.includes(name)) return null
    if (!CHAT_CLOSED.includes(name)) throw error
    const { fault, message, hint } = error
    onClosed(new ChannelError(fault, `the chat with ${owner} is left out: ${message}`, { ...(hint && { hint }) }))
    return null
  }
}
