/** Every link is told where the owner is: to the new identity, and on all other channels, in case somebody else did it. */
import type { InboundMessage } from './agent/inbox.ts'
import type { LinkedIdentities } from './agent/linked-identities.ts'
import { LOCAL_CHANNEL, LOCAL_OWNER } from './channels/owner-gate.ts'
import type { ConversationParts } from './conversation.types.ts'

type NoticeParts = Pick<ConversationParts, 'inbox' | 'outbox' | 'journal' | 'links'> & {
  readonly served: () => readonly string[]
}

/** To be called in the transaction that links. */
export const announceLink = (
  parts: NoticeParts,
  by: Pick<InboundMessage, 'channel' | 'messageId' | 'senderId'>,
): void => {
  const { channel, messageId, senderId } = by
  const key = `link/${channel}/${messageId}`
  const welcome = `Linked: from now on ${senderId} speaks here as my owner. 'plaited links' lists links.`
  parts.outbox.add({ key, channel, turn: key, to: senderId, replyTo: messageId, text: welcome })
  tellOthers(parts, { key, channel, senderId })
}

/** Links for adapters that link by a code of their own, such as the gateway's: told like any other. */
export const createToldLinks = (
  parts: NoticeParts,
  wake: (channel: string) => void,
): Pick<LinkedIdentities, 'add' | 'remove' | 'list'> => ({
  ...parts.links,
  add: (channel, senderId) => {
    parts.journal.transaction('identity.link', () => {
      parts.links.add(channel, senderId)
      tellOthers(parts, { key: `link/${channel}/${senderId}`, channel, senderId })
    })
    for (const other of parts.served()) wake(other)
  },
})

const tellOthers = (
  parts: NoticeParts,
  { key, channel, senderId }: { readonly key: string; readonly channel: string; readonly senderId: string },
): void => {
  parts.journal.append({ type: 'identity.link', turn: null, payload: { channel, senderId } })
  const mend = `If that was not you, run: plaited unlink ${channel} ${senderId}`
  const text = `${senderId} on ${channel} was linked just now with a code from the terminal, and speaks as my owner. ${mend}`
  for (const other of new Set([...parts.served(), LOCAL_CHANNEL])) {
    const to = other === channel ? null : ownerOn(parts, other)
    if (to !== null) {
      parts.outbox.add({
        key: `${key}@${other}`,
        kind: 'notice',
        channel: other,
        turn: `${key}@${other}`,
        to,
        replyTo: null,
        text,
      })
    }
  }
}

/** Where the owner was last heard on a channel; null when it is not known there. */
export const ownerOn = ({ inbox, links }: Pick<NoticeParts, 'inbox' | 'links'>, channel: string): string | null =>
  channel === LOCAL_CHANNEL
    ? LOCAL_OWNER
    : (inbox.lastOwner(channel) ?? links.list().findLast((link) => link.channel === channel)?.senderId ?? null)
