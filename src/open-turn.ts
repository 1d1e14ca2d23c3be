/** How a turn begins, grows, and ends in the record: each step is one transaction over inbox, journal and outbox. */
import { randomBytes } from 'node:crypto'
import type { OwnerIntent } from './agent/agent.types.ts'
import { ATTACHMENT_LABEL } from './agent/attachments.ts'
import { MASKED_CODE, maskCodes, parseConfirmationCode } from './agent/confirmation-code.ts'
import type { InboundMessage } from './agent/inbox.ts'
import type { TurnEnding } from './agent/turn.types.ts'
import { type ControlWord, parseControlWord } from './control-words.ts'
import type { ConversationParts, StartedTurn } from './conversation.types.ts'

type RecordParts = Pick<ConversationParts, 'inbox' | 'outbox' | 'journal' | 'ownerGate' | 'note' | 'questions'>

/** Turn ids need only be unique within a home. */
const TURN_ID_BYTES = 6
/** Messages that one turn answers; a backlog beyond it is answered by further turns, so that a request stays within reason. */
const MESSAGES_PER_TURN_MAX = 100
/** Waiting messages that one look at the queue takes in. */
export const QUEUE_LOOK_MAX = 200

/** Proves the sender and opens a turn; null when the sender is not the owner. */
export const startTurn = (parts: RecordParts, message: InboundMessage): StartedTurn | null => {
  const intent = proveOwner(parts, message)
  if (intent === null) return null
  const turn = { intent, word: parseControlWord(intent.text) }
  return parts.journal.transaction('turn.start', () => openTurn(parts, message, turn))
}

/** A turn that is over as soon as it is recorded: the node has answered it, because of a word. */
export const recordAnswered = (
  parts: RecordParts,
  {
    message,
    ending,
    ...answered
  }: {
    readonly message: InboundMessage
    readonly intent: OwnerIntent
    readonly word: ControlWord
    readonly ending: TurnEnding
  },
): void => parts.journal.transaction('turn.end', () => closeTurn(parts, openTurn(parts, message, answered), ending))

/** One turn that answers messages nobody will work on, because of a stop; those that are not the owner's are refused. */
export const recordDismissed = (parts: RecordParts, messages: readonly InboundMessage[], ending: TurnEnding): void => {
  const proven = messages.flatMap((message) => {
    const intent = proveOwner(parts, message)
    return intent ? [{ message, intent }] : []
  })
  const [first, ...rest] = proven
  if (!first) return
  parts.journal.transaction('turn.end', () => {
    const turn = openTurn(parts, first.message, { intent: first.intent, word: 'stop' })
    for (const { message } of rest) takeMessage(parts, message, turn)
    closeTurn(parts, turn, ending)
  })
}

/** Reply, end and the answered messages are one transaction: none of them exists without the others. */
export const endTurn = (parts: RecordParts, turn: StartedTurn, ending: TurnEnding): void =>
  parts.journal.transaction('turn.end', () => closeTurn(parts, turn, ending))

/**
 * Takes up what waits at the head of the queue and may join: messages of the same channel that are no follow-ups. What
 * changes the workspace as a control word waits for the end of the turn, and so does what came after it.
 */
export const joinTurn = (
  parts: RecordParts,
  turn: StartedTurn,
  waiting: readonly InboundMessage[],
): readonly InboundMessage[] => {
  const joined: InboundMessage[] = []
  const room = MESSAGES_PER_TURN_MAX - parts.inbox.sizeOfTurn(turn.id)
  for (const message of waiting) {
    if (joined.length >= room) break
    if (message.channel !== turn.intent.channel || message.followUp || parseControlWord(message.text)) break
    if (!proveOwner(parts, message)) continue
    joined.push(message)
  }
  if (joined.length > 0) {
    parts.journal.transaction('message.in', () => {
      for (const message of joined) takeMessage(parts, message, turn)
    })
  }
  return joined
}

/** The turn that a crash interrupted, to go on with; one whose owner is no longer the owner is closed instead. */
export const resumeTurn = (parts: RecordParts): StartedTurn | null => {
  const { inbox, journal } = parts
  const id = journal.openTurn()
  if (id === null) return null
  const message = inbox.ofTurn(id)
  const proof = message ? judgeSender(parts, message) : null
  journal.append({ type: 'turn.resume', turn: id, payload: {} })
  if (proof?.ok) return { id, intent: proof.intent, word: parseControlWord(proof.intent.text) }
  journal.transaction('turn.end', () => {
    journal.append({ type: 'turn.end', turn: id, ref: id, payload: { end: 'crashed' } })
    if (message) inbox.refuse(message)
  })
  return null
}

/** null when the sender is not the owner, which is recorded and nothing else. */
export const proveOwner = (parts: RecordParts, message: InboundMessage): OwnerIntent | null => {
  const { inbox, journal } = parts
  const proof = judgeSender(parts, message)
  if (proof.ok) return proof.intent
  journal.transaction('message.refused', () => {
    inbox.refuse(message)
    const payload = { channel: message.channel, senderId: message.senderId, reason: proof.reason }
    journal.append({ type: 'message.refused', turn: null, payload })
  })
  return null
}

/** What the owner intends goes further than this turn (commits, rules): no code that counts goes with it. */
const judgeSender = (parts: RecordParts, message: InboundMessage): ReturnType<RecordParts['ownerGate']> =>
  parts.ownerGate({ ...message, text: withoutCodes(parts, message.text) })

/** The text, without the codes of what is asked anywhere. */
export const withoutCodes = ({ questions }: Pick<RecordParts, 'questions'>, text: string): string => {
  const open = questions.open()
  return open.length === 0 ? text : maskCodes(text, (code) => open.some(({ hasCode }) => hasCode(code)))
}

const openTurn = (
  parts: RecordParts,
  message: InboundMessage,
  { intent, word }: Omit<StartedTurn, 'id'>,
): StartedTurn => {
  const turn = { id: `t${randomBytes(TURN_ID_BYTES).toString('hex')}`, intent, word }
  const { id } = turn
  parts.journal.append({ type: 'turn.start', turn: id, ref: id, payload: { channel: message.channel } })
  if (word === null) parts.note({ type: 'turn:start', detail: factsOf(id, message.channel) })
  takeMessage(parts, message, turn)
  return turn
}

const takeMessage = (parts: RecordParts, message: InboundMessage, { id: turn, word }: StartedTurn): void => {
  const { channel, messageId, senderId, text } = message
  // The answer to it may have used up the code: then nothing that is open has it any more.
  const isCode = word?.startsWith('confirm ') || parseConfirmationCode(text) !== null
  const said = isCode ? MASKED_CODE : withoutCodes(parts, text)
  const files = message.attachments?.map(({ path, name, mime, bytes, refusal }) => ({
    path,
    name,
    mime,
    bytes,
    refusal,
  }))
  const payload = files ? { text: said, attachments: files } : { text: said }
  parts.journal.append({ type: 'message.in', turn, ref: `${channel}/${messageId}`, payload })
  parts.inbox.take(message, turn)
  // What the node answers itself is no fact for rules: a word like `status` does not mean that the owner has looked.
  if (word !== null) return
  parts.note({ type: 'owner:message', detail: { ...factsOf(turn, channel), senderId } })
  // After it: what came along is not what the owner says, and the model is shown it.
  if (files) parts.note({ type: 'untrusted:read', detail: { ...factsOf(turn, channel), label: ATTACHMENT_LABEL } })
}

const closeTurn = (parts: RecordParts, { id, intent, word }: StartedTurn, { end, text }: TurnEnding): void => {
  const { channel, messageId, senderId } = intent
  parts.journal.append({ type: 'turn.end', turn: id, ref: id, payload: { end, text } })
  parts.outbox.add({ key: id, channel, turn: id, to: senderId, replyTo: messageId, text })
  parts.inbox.answered(id)
  if (word === null) parts.note({ type: 'turn:end', detail: factsOf(id, channel) })
}

const factsOf = (turn: string, channel: string) => ({ v: 1, turn, channel }) as const
