/**
 * The owner gate: a message goes further only when its sender is the owner. The only file that mints an `OwnerIntent`.
 * On the local channel the proof is having reached the control socket or the terminal (file permissions); on any other
 * channel the sender must be the configured owner, or an identity that the owner has linked on that channel. No configured
 * owner and no link means nobody.
 */
import type { OwnerIntent } from '../agent/agent.types.ts'

/** The channel of the terminal and the control socket, and its only sender. */
export const LOCAL_CHANNEL = 'cli'
export const LOCAL_OWNER = 'local:owner'

export type OwnerGate = (message: {
  readonly channel: string
  readonly senderId: string
  readonly messageId: string
  readonly text: string
}) => { readonly ok: true; readonly intent: OwnerIntent } | { readonly ok: false; readonly reason: string }

/** `isLinked` is asked about every message anew, so that revoking a link holds at once. */
export const createOwnerGate = (
  ownerId: string | null,
  isLinked: (channel: string, senderId: string) => boolean = () => false,
): OwnerGate => {
  const isOwner = (channel: string, senderId: string) =>
    channel === LOCAL_CHANNEL
      ? senderId === LOCAL_OWNER
      : (ownerId !== null && senderId === ownerId) || isLinked(channel, senderId)
  return ({ channel, senderId, messageId, text }) =>
    isOwner(channel, senderId)
      ? { ok: true, intent: Object.freeze({ channel, senderId, messageId, text }) as OwnerIntent }
      : {
          ok: false,
          reason: ownerId === null ? 'no owner is configured for this channel' : 'the sender is not the owner',
        }
}
