/** As much of an account's server on Bluesky as a node asks for, in memory: what is measured is the node. */
import { z } from 'zod'

const [SELF, OWNER] = ['did:plc:agentagentagentagentagen', 'did:plc:ownerownerownerownerowne']
const CONVO = {
  ...{ id: 'chat', rev: '1', muted: false, unreadCount: 0, status: 'accepted' },
  members: [SELF, OWNER].map((did) => ({ did, handle: 'handle.invalid' })),
}
const DECLARATION = { $type: 'chat.bsky.actor.declaration', allowIncoming: 'following', allowGroupInvites: 'none' }
const SENT_AT = '2026-01-01T00:00:00.000Z'
/** The node asks every two seconds; after this it does not come. */
const STORED_WITHIN_MS = 8000
const VIEW = 'chat.bsky.convo.defs#messageView'
const reactionSchema = z.object({ messageId: z.string() })

type Answer = (query: URLSearchParams, readReaction: () => Promise<z.output<typeof reactionSchema>>) => unknown

export type ChatStandIn = {
  /** Variables of a node that talks here. */
  readonly environment: Readonly<Record<string, string>>
  /** Writes as the owner; resolves with the time until the node has shown that the message is stored, in ms. */
  readonly write: () => Promise<number>
  readonly close: () => Promise<void>
}

export const startChatStandIn = (): ChatStandIn => {
  const messages: { readonly id: string; readonly rev: string }[] = []
  const stored = new Map<string, () => void>()
  const view = ({ id, rev }: { readonly id: string; readonly rev: string }, did: string) => ({
    ...{ $type: VIEW, id, rev, text: 'hello', sender: { did }, sentAt: SENT_AT },
  })
  const log = (cursor: string | null) => {
    const page = cursor === null ? [] : messages.filter(({ rev }) => rev > cursor)
    const logs = page.map((message) => ({
      ...{ $type: 'chat.bsky.convo.defs#logCreateMessage', rev: message.rev, convoId: CONVO.id },
      message: view(message, OWNER),
    }))
    return { logs, cursor: page.at(-1)?.rev ?? cursor ?? '0' }
  }
  const session = { accessJwt: 'a', refreshJwt: 'r', handle: 'handle.invalid', did: SELF, emailConfirmed: true }
  const record = {
    uri: `at://${SELF}/chat.bsky.actor.declaration/self`,
    cid: 'bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a',
  }
  const follow = { ...record, value: { $type: 'app.bsky.graph.follow', subject: OWNER, createdAt: SENT_AT } }
  const answers: Readonly<Record<string, Answer>> = {
    'com.atproto.server.createSession': () => session,
    'com.atproto.server.refreshSession': () => session,
    'com.atproto.repo.getRecord': () => ({ ...record, value: DECLARATION }),
    'com.atproto.repo.listRecords': () => ({ records: [follow] }),
    'chat.bsky.actor.getStatus': () => ({ chatDisabled: false, canCreateGroups: false, groupMemberLimit: 50 }),
    'chat.bsky.convo.getConvoForMembers': () => ({ convo: CONVO }),
    'chat.bsky.convo.getConvo': () => ({ convo: CONVO }),
    'chat.bsky.convo.getMessages': () => ({ messages: [] }),
    'chat.bsky.convo.getLog': (query) => log(query.get('cursor')),
    'chat.bsky.convo.sendMessage': () => view({ id: 'sent', rev: '0' }, SELF),
    'chat.bsky.convo.updateRead': () => ({ convo: CONVO }),
    'chat.bsky.convo.addReaction': async (_, readReaction) => {
      const { messageId } = await readReaction()
      stored.get(messageId)?.()
      return { message: view({ id: messageId, rev: '0' }, OWNER) }
    },
  }
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: async (request) => {
      const { pathname, searchParams } = new URL(request.url)
      const answer = answers[pathname.slice('/xrpc/'.length)]
      if (!answer) return new Response('', { status: 501 })
      return Response.json(await answer(searchParams, async () => reactionSchema.parse(await request.json())))
    },
  })
  return {
    environment: {
      ...{ CHANNEL_PROVIDER: 'bluesky', OWNER_ID: OWNER, BSKY_CHAT_HANDLE: SELF },
      ...{ BSKY_CHAT_APP_PASSWORD: 'not-a-secret', BSKY_PDS_URL: server.url.origin },
    },
    write: async () => {
      const count = messages.length + 1
      const isStored = Promise.withResolvers<void>()
      stored.set(`m${count}`, isStored.resolve)
      const startedAt = performance.now()
      messages.push({ id: `m${count}`, rev: String(count).padStart(6, '0') })
      const late = setTimeout(() => isStored.reject(new Error('the node did not take the message')), STORED_WITHIN_MS)
      await isStored.promise.finally(() => clearTimeout(late))
      return performance.now() - startedAt
    },
    close: () => server.stop(true),
  }
}
