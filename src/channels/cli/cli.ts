/**
 * The local channel: whoever reaches the terminal or the control socket is the owner. `say` hands in a message and waits
 * for its reply; replies to messages whose sender has gone are kept and shown to the next one.
 */
import { createQueue } from '../../utils/queue.ts'
import type { Channel, ChannelProgress, IncomingMessage, OutgoingMessage } from '../channels.types.ts'
import { LOCAL_CHANNEL, LOCAL_OWNER } from '../owner-gate.ts'

export type CliChannel = Channel & {
  /** Resolves with the reply, or rejects once `gone` aborts: the turn goes on then. `messageId` must be new. */
  readonly say: (
    message: { readonly messageId: string; readonly text: string },
    progress: (progress: ChannelProgress) => void,
    gone?: AbortSignal,
  ) => Promise<string>
}

type Speaker = { readonly progress: (progress: ChannelProgress) => void; readonly resolve: (text: string) => void }

export const createCliChannel = (): CliChannel => {
  const messages = createQueue<IncomingMessage>()
  const speakers = new Map<string, Speaker>()
  const deliver = (message: OutgoingMessage): void => {
    const speaker = speakers.get(message.replyTo)
    const text = message.repeat ? `(repeat) ${message.text}` : message.text
    if (speaker) {
      speakers.delete(message.replyTo)
      speaker.resolve(text)
      return
    }
    const [anyone] = speakers.values()
    if (!anyone) throw new Error('nobody is at the terminal')
    anyone.progress({ kind: 'late-reply', text: message.text, repeat: message.repeat })
  }
  return {
    name: LOCAL_CHANNEL,
    identity: () => ({ id: LOCAL_CHANNEL }),
    poll: (signal) => messages.drain(signal),
    send: async (message) => deliver(message),
    progress: (replyTo, progress) => speakers.get(replyTo)?.progress(progress),
    say: ({ messageId, text }, progress, gone) =>
      new Promise((resolve, reject) => {
        speakers.set(messageId, { progress, resolve })
        gone?.addEventListener('abort', () => {
          speakers.delete(messageId)
          reject(gone.reason)
        })
        messages.push({ id: messageId, senderId: LOCAL_OWNER, text })
      }),
  }
}
