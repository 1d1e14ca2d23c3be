/**
 * The local channel: whoever reaches the terminal or the control socket is the owner. `say` hands in a message and waits
 * for its reply; replies to messages whose sender has gone are kept and shown to the next one.
 */
import { NodeError } from '../../utils/node-error.ts'
import { createQueue } from '../../utils/queue.ts'
import { ChannelError } from '../channel-error.ts'
import type {
  Channel,
  ChannelCapabilities,
  ChannelProgress,
  IncomingMessage,
  OutgoingMessage,
  Say,
} from '../channels.types.ts'
import { REPEAT_MARK } from '../lay-out-reply.ts'
import { LOCAL_CHANNEL, LOCAL_OWNER } from '../owner-gate.ts'

export type CliChannel = Channel & { readonly say: Say }

type Speaker = {
  readonly progress: (progress: ChannelProgress) => void
  readonly resolve: (text: string) => void
  readonly heard: Promise<void>
}

const HEARD = Promise.resolve()

/** Lines about a turn that are kept for the chat that asked for it and is on its way to this node. */
const MISSED_MAX = 100

/** A terminal shows what it is given, and keeps no keys. */
const CAPABILITIES: ChannelCapabilities = {
  ...{ graphemesMax: null, bytesMax: null, markdown: true, links: false, files: false, reactions: false },
  ...{ replyTo: true, edit: false, idempotencyKey: false },
}

export const createCliChannel = (): CliChannel => {
  const messages = createQueue<IncomingMessage>()
  const speakers = new Map<string, Speaker>()
  /** A turn goes on when its node starts, which is before the chat whose message it answers has come over. */
  let missed: { readonly of: string; readonly lines: ChannelProgress[] } = { of: '', lines: [] }
  const miss = (of: string, progress: ChannelProgress): void => {
    if (progress.kind !== 'call' && progress.kind !== 'commit') return // the reply holds the text
    if (missed.of !== of) missed = { of, lines: [] }
    if (missed.lines.length < MISSED_MAX) missed.lines.push(progress)
  }
  const deliver = async (message: OutgoingMessage): Promise<{ readonly id: string }> => {
    const waiting = message.answers.map((id) => ({ id, speaker: speakers.get(id) }))
    const heard = waiting.flatMap(({ id, speaker }) => {
      speakers.delete(id)
      speaker?.resolve(message.text)
      return speaker ? [speaker.heard] : []
    })
    await Promise.all(heard)
    if (heard.length > 0) return { id: message.key }
    const [anyone] = speakers.values()
    if (!anyone) throw new ChannelError('absent', 'nobody is at the terminal')
    if (message.kind === 'question' || message.kind === 'notice') {
      const asker = message.replyTo === null ? undefined : speakers.get(message.replyTo)
      const { kind, key, text } = message
      const question = key.slice(0, key.lastIndexOf('/')) // a terminal takes it in one part
      ;(asker ?? anyone).progress(kind === 'question' ? { kind, key: question, text } : { kind, text })
      return { id: message.key }
    }
    // Whoever shows it says that it is a repeat in words of their own.
    const text = message.repeat ? message.text.slice(REPEAT_MARK.length) : message.text
    anyone.progress({ kind: 'late-reply', text, repeat: message.repeat })
    return { id: message.key }
  }
  return {
    name: LOCAL_CHANNEL,
    capabilities: CAPABILITIES,
    identity: () => ({ id: LOCAL_CHANNEL }),
    poll: async function* ({ signal }) {
      yield { messages: [], cursor: null }
      for await (const message of messages.drain(signal)) yield { messages: [message], cursor: null }
    },
    send: deliver,
    progress: (replyTo, progress) => {
      const speaker = speakers.get(replyTo)
      if (speaker) speaker.progress(progress)
      else miss(replyTo, progress)
    },
    say: ({ messageId, text, followUp = false }, progress, remote) => {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      if (speakers.has(messageId)) {
        return Promise.reject(
          new NodeError('USAGE', `message ${messageId} is being answered`, { hint: 'give each message a new id' }),
        )
      }
      speakers.set(messageId, { progress, resolve, heard: remote?.heard ?? HEARD })
      if (missed.of === messageId) for (const line of missed.lines.splice(0)) progress(line)
      remote?.gone.addEventListener('abort', () => {
        speakers.delete(messageId)
        reject(remote.gone.reason)
      })
      messages.push({ id: messageId, senderId: LOCAL_OWNER, text, followUp })
      return promise
    },
  }
}
