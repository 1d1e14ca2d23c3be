/**
 * Direct messages of Bluesky. The node has an account of its own, with an app password that may read and write them; the
 * owner writes to it in the app. It talks in direct chats of two only, and never sees what is in a group.
 */
import { z } from 'zod'
import type { Channel, ChannelCapabilities, ChannelFactory } from '../channels.types.ts'
import { parseSettings } from '../register-channel.ts'
import { createBlueskyFetch } from './bluesky-fetch.ts'
import { createBlueskySession } from './bluesky-session.ts'
import { createChatClient } from './chat-client.ts'
import { examineAccount } from './examine-account.ts'
import { createKnownConvos } from './known-convos.ts'
import { didOf, parseMessageId } from './message-ids.ts'
import { createPollMessages } from './poll-messages.ts'
import { createPollPace } from './poll-pace.ts'
import { createReachability } from './reachability.ts'
import { DID, resolveAccount } from './resolve-account.ts'
import { createReplyDesk } from './send-reply.ts'

const CHAT_SERVICE = 'did:web:api.bsky.chat'
/** Shows that a message is stored: direct messages have no other sign. */
const SEEN = '👀'

const CAPABILITIES: ChannelCapabilities = {
  // chat.bsky.convo.defs#messageInput: maxGraphemes and maxLength, which counts bytes; both hold.
  ...{ graphemesMax: 1000, bytesMax: 10_000 },
  ...{ markdown: false, links: true, files: false, reactions: true, replyTo: true, edit: false, idempotencyKey: false },
}

const HANDLE = /^(?:[a-z\d](?:[a-z\d-]*[a-z\d])?\.)+[a-z][a-z\d-]*[a-z\d]$/i
const LOOPBACK = /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/

const settingsSchema = z.object({
  BSKY_CHAT_HANDLE: z
    .string()
    .refine((name) => HANDLE.test(name) || DID.test(name), 'must be a handle such as agent.bsky.social, or a DID')
    .transform((name) => (DID.test(name) ? name : name.toLowerCase())), // as documents write handles
  BSKY_CHAT_APP_PASSWORD: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'holds characters that no app password has (a space or a line break?)'),
  BSKY_CHAT_SERVICE: z.string().regex(DID, 'must be a DID').default(CHAT_SERVICE),
  BSKY_PDS_URL: z
    .string()
    .transform((url) => url.replace(/\/$/, ''))
    .refine(
      (url) => LOOPBACK.test(url) || (URL.parse(url)?.origin === url && url.startsWith('https:')),
      'must be an https:// address without a path',
    )
    .optional(),
})

/** Variables of the channel, as the table of adapters lists them. */
export const createBlueskyChannel: ChannelFactory = (environment) => {
  const parsed = parseSettings(settingsSchema, environment.settings)
  const owner = didOf(environment.ownerId ?? '')
  const wrongOwner = 'OWNER_ID must be the DID of your own account (atproto:did:plc:...) for this channel'
  if ('missing' in parsed) return { missing: [...parsed.missing, ...(owner === null ? [wrongOwner] : [])] }
  if (owner === null) return { missing: [wrongOwner] }
  const { BSKY_CHAT_HANDLE: name, BSKY_CHAT_APP_PASSWORD: password, BSKY_PDS_URL: pdsUrl } = parsed.settings

  const { store, clock, timing, announce, links } = environment
  const fetch = createBlueskyFetch(pdsUrl !== undefined && LOOPBACK.test(pdsUrl) ? pdsUrl : null)
  const account = async () => (pdsUrl === undefined ? resolveAccount(name, { fetch }) : { identifier: name, pdsUrl })
  const owners = () => [owner, ...links.list().flatMap((subject) => didOf(subject) ?? [])]
  const session = createBlueskySession({ password, store, fetch, account })
  const client = createChatClient(session, parsed.settings.BSKY_CHAT_SERVICE)
  const convos = createKnownConvos(client)
  const reachability = createReachability({ session, client, owners, announce })
  const pace = createPollPace(clock, timing)
  const desk = createReplyDesk({ client, convos, store })
  return {
    name: 'bluesky',
    capabilities: CAPABILITIES,
    identity: () => ({ id: name }),
    poll: createPollMessages({ client, convos, reachability, pace, clock, owners }),
    send: async (message, signal) => {
      const sent = await desk.send(message, signal)
      pace.stir()
      return sent
    },
    findSent: desk.find,
    ack: async (id) => {
      await client.react(parseMessageId(id), SEEN)
      await client.markRead(parseMessageId(id))
    },
    react: (id, emoji) => client.react(parseMessageId(id), emoji),
    examine: (signal) => examineAccount({ client, reachability, owners }, signal),
  } satisfies Channel
}
