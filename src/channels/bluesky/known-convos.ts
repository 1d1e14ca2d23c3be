import { ChannelError } from '../channel-error.ts'
import type { Convo } from './chat-client.schemas.ts'
import type { ChatClient } from './chat-client.ts'

/** Chats of strangers come too; the owner's own are few. */
const CONVOS_MAX = 500

export type KnownConvos = {
  /** Who the other member of a direct chat is; null for groups, and for chats that the account is not in. */
  readonly partnerIn: (convoId: string) => Promise<string | null>
  /** The direct chat with an account; accepts it when it waits for that. @throws {ChannelError} rejected for any other. */
  readonly openWith: (did: string) => Promise<string>
}

/** Who is in a direct chat never changes, so each is asked for once. */
export const createKnownConvos = (client: Pick<ChatClient, 'convo' | 'convoWith' | 'accept'>): KnownConvos => {
  const partners = new Map<string, string | null>()
  const remember = ({ id, partner }: Convo): string | null => {
    const [oldest] = partners.keys()
    if (partners.size >= CONVOS_MAX && oldest !== undefined) partners.delete(oldest)
    partners.set(id, partner)
    return partner
  }
  return {
    partnerIn: async (convoId) => {
      const known = partners.get(convoId)
      if (known !== undefined) return known
      const convo = await client.convo(convoId)
      return convo && remember(convo)
    },
    openWith: async (did) => {
      const convo = await client.convoWith(did)
      if (remember(convo) !== did) throw new ChannelError('rejected', `Bluesky has no direct chat with ${did}`)
      if (convo.isRequest) await client.accept(convo.id)
      return convo.id
    },
  }
}
