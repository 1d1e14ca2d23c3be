/**
 * One part of a reply on its way out. It is noted before it is sent and again when it has arrived. One whose outcome is
 * unknown is looked for, where the channel can be searched; it is sent again as it is where the service drops the second
 * one, and elsewhere once more, marked as a repeat. When the outcome of the repeat is unknown too, it is given up and
 * recorded: a third copy could be the third that arrives.
 */
import type { Outbox, Reply, ReplyPart } from '../agent/outbox.ts'
import { ChannelError, toChannelError } from './channel-error.ts'
import type { Channel, OutgoingMessage } from './channels.types.ts'
import { REPEAT_MARK } from './lay-out-reply.ts'

/** A service that has not answered after this long may have taken the message or not; also what a shutdown waits for. */
const ANSWER_TIME_MAX_MS = 30_000
/** Copies that may arrive where neither a key nor a look at the channel prevents it: the first, and one marked repeat. */
const COPIES_MAX = 2

export type PartSenderParts = {
  readonly outbox: Outbox
  readonly onSent: () => void
  /** It is not sent again. */
  readonly onAbandoned: (part: {
    readonly key: string
    readonly as: 'refused' | 'unsure'
    readonly reason: string
  }) => void
}

/** `over`: it has arrived, or is not sent again. Anything else is why it is still to be sent. */
export type PartSender = (reply: Reply, part: ReplyPart) => Promise<'over' | ChannelError>

/** Contract of the sender: rejects only when the outbox cannot be written. */
export const createPartSender = ({ outbox, onSent, onAbandoned }: PartSenderParts, channel: Channel): PartSender => {
  const abandon = (key: string, as: 'refused' | 'unsure', reason: string): 'over' => {
    outbox.abandon(key, as)
    onAbandoned({ key, as, reason })
    return 'over'
  }

  const attempt = async (message: OutgoingMessage): Promise<'over' | ChannelError> => {
    outbox.sending(message.key)
    const result = await inTime(channel, (late) => channel.send(message, late)).catch(toChannelError)
    if (!(result instanceof ChannelError)) {
      outbox.sent(message.key, result.id)
      onSent()
      return 'over'
    }
    if (!result.mayHaveArrived) outbox.unsent(message.key)
    return result.fault === 'rejected' ? abandon(message.key, 'refused', result.message) : result
  }

  /** Null: nothing of it has arrived, so it goes out as if for the first time. */
  const look = async (
    message: OutgoingMessage,
    findSent: NonNullable<Channel['findSent']>,
  ): Promise<'over' | ChannelError | null> => {
    const found = await inTime(channel, () => findSent(message.key, message)).catch(toChannelError)
    // Where it would be can never be looked at again, as in a chat that was left.
    if (found instanceof ChannelError && found.fault === 'rejected')
      return abandon(message.key, 'unsure', found.message)
    if (found instanceof ChannelError) return found
    if (found === null) outbox.missing(message.key)
    else outbox.sent(message.key, found.id)
    return found && 'over'
  }

  return async (reply, part) => {
    const message = toMessage(reply, part)
    if (part.unsettled === 0 || channel.capabilities.idempotencyKey) return attempt(message)
    if (channel.findSent) return (await look(message, channel.findSent)) ?? attempt(message)
    if (part.unsettled >= COPIES_MAX) return abandon(part.key, 'unsure', 'nobody knows whether its repeat has arrived')
    return attempt({ ...message, text: `${REPEAT_MARK}${message.text}`, repeat: true })
  }
}

const toMessage = (reply: Reply, { key, text }: ReplyPart): OutgoingMessage => ({
  ...{ key, kind: reply.kind, to: reply.to, replyTo: reply.replyTo, answers: reply.answers, text, repeat: false },
})

/** An adapter that does not look at the signal, or gets none, does not hold up what comes after. */
const inTime = async <T>({ name }: Channel, ask: (late: AbortSignal) => Promise<T>): Promise<T> => {
  const late = AbortSignal.timeout(ANSWER_TIME_MAX_MS)
  const { promise: timedOut, reject } = Promise.withResolvers<never>()
  const onLate = () => reject(new ChannelError('unreachable', `${name} did not answer for ${ANSWER_TIME_MAX_MS} ms`))
  late.addEventListener('abort', onLate, { once: true })
  try {
    return await Promise.race([ask(late), timedOut])
  } finally {
    late.removeEventListener('abort', onLate)
  }
}
