/**
 * Control words are answered beside the running turn, by the node alone: they work while the model thinks, and when it
 * does not. Only those that change the workspace wait for the turn to end (`needsLane`), ahead of everything else.
 *
 * The answer is made first and recorded as a whole turn afterwards. A crash in between leaves the word in the queue, and
 * the next start answers it; each of these words does nothing twice.
 */
import type { OwnerIntent } from './agent/agent.types.ts'
import type { InboundMessage } from './agent/inbox.ts'
import { type ControlWord, needsLane, parseAnswer, parseControlWord } from './control-words.ts'
import type { ConversationParts, StopReport } from './conversation.types.ts'
import { describeStop } from './describe.ts'
import { proveOwner, recordAnswered, withoutCodes } from './open-turn.ts'

export type ControlDesk = {
  /** Answers the message when it is a word of the owner's that need not wait. */
  readonly take: (message: InboundMessage) => void
  /** Whether it is being answered, so that nobody else takes it from the queue. */
  readonly has: (message: InboundMessage) => boolean
  /** How many are being answered. */
  readonly count: () => number
  readonly idle: () => Promise<void>
}

export const createControlDesk = (
  parts: ConversationParts,
  {
    stop,
    onAnswered,
  }: {
    readonly stop: (message: InboundMessage) => Promise<StopReport>
    readonly onAnswered: (channel: string) => void
  },
): ControlDesk => {
  const open = new Map<string, Promise<void>>()
  /** A plain no is a word only while something is asked; what holds a code besides other words is not passed on. */
  const readWord = ({ channel, text }: InboundMessage): ControlWord | null => {
    const word = parseControlWord(text)
    if (word !== null) return word
    const isAsked = parts.questions.open().some((question) => question.channel === channel)
    const answered = isAsked ? parseAnswer(text) : null
    return answered ?? (withoutCodes(parts, text) === text ? null : 'unclear')
  }

  const keyOf = ({ channel, messageId }: InboundMessage) => `${channel}/${messageId}`

  const answer = async (message: InboundMessage, intent: OwnerIntent, word: ControlWord): Promise<void> => {
    const text = word === 'stop' ? describeStop(await stop(message)) : await parts.answerControlWord(word, intent)
    recordAnswered(parts, { message, intent, word, ending: { end: 'control', text } })
    onAnswered(message.channel)
  }

  return {
    take: (message) => {
      const word = readWord(message)
      if (word === null || needsLane(word) || open.has(keyOf(message))) return
      const intent = proveOwner(parts, message)
      if (intent === null) return
      const answered = answer(message, intent, word)
        .catch(parts.onFatal)
        .finally(() => open.delete(keyOf(message)))
      open.set(keyOf(message), answered)
    },
    has: (message) => open.has(keyOf(message)),
    count: () => open.size,
    idle: async () => void (await Promise.all(open.values())),
  }
}
