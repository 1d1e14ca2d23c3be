/**
 * The local channel: whoever reaches the terminal or the control socket is the owner. `say` hands in a message and waits
 * for its reply; replies to messages whose sender has gone are kept and shown to the next one.
 */
import { NodeError } from '../../utils/node-error.ts'
import { createQueue } from '../../utils/queue.ts'
import type { Channel, ChannelProgress, IncomingMessage, OutgoingMessage, Say } from '../channels.types.ts'
import { LOCAL_CHANNEL, LOCAL_OWNER } from '../owner-gate.ts'

export type CliChannel = Channel & { readonly say: Say }

type Speaker = {
  readonly progress: (progress: ChannelProgress) => void
  readonly resolve: (text: string) => void
  readonly heard: Promise<void>
}

const HEARD = Promise.resolve()

export const createCliChannel = (): CliChannel => {
  const messages = createQueue<IncomingMessage>()
  const speakers = new Map<string, Speaker>()
  const deliver = async (message: OutgoingMessage): Promise<boolean> => {
    const waiting = message.answers.map((id) => ({ id, speaker: speakers.get(id) }))
    const heard = waiting.flatMap(({ id, speaker }) => {
      speakers.delete(id)
      speaker?.resolve(message.repeat ? `(repeat) ${message.text}` : message.text)
      return speaker ? [speaker.heard] : []
    })
    await Promise.all(heard)
    if (heard.length > 0) return true
    const [anyone] = speakers.values()
    const { kind, text, repeat } = message
    if (kind !== 'reply') (speakers.get(message.replyTo) ?? anyone)?.progress({ kind, text })
    else anyone?.progress({ kind: 'late-reply', text, repeat })
    return anyone !== undefined
  }
  return {
    name: LOCAL_CHANNEL,
    identity: () => ({ id: LOCAL_CHANNEL }),
    poll: (signal) => messages.drain(signal),
    send: deliver,
    progress: (replyTo, progress) => speakers.get(replyTo)?.progress(progress),
    say: ({ messageId, text, followUp = false }, progress, remote) => {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      if (speakers.has(messageId)) {
        return Promise.reject(
          new NodeError('USAGE', `message ${messageId} is being answered`, { hint: 'give each message a new id' }),
        )
      }
      speakers.set(messageId, { progress, resolve, heard: remote?.heard ?? HEARD })
      remote?.gone.addEventListener('abort', () => {
        speakers.delete(messageId)
        reject(remote.gone.reason)
      })
      messages.push({ id: messageId, senderId: LOCAL_OWNER, text, followUp })
      return promise
    },
  }
}
