/** How a turn begins, grows, and ends in the record: each step is one transaction over inbox, journal and outbox. */
import { randomBytes } from 'node:crypto'
import type { OwnerIntent } from './agent/agent.types.ts'
import { isConfirmationCode } from './agent/confirmation-code.ts'
import type { InboundMessage } from './agent/inbox.ts'
import type { TurnEnding } from './agent/turn.types.ts'
import { parseControlWord } from './control-words.ts'
import type { ConversationParts, StartedTurn } from './conversation.types.ts'

type RecordParts = Pick<ConversationParts, 'inbox' | 'outbox' | 'journal' | 'ownerGate' | 'note'>

/** Turn ids need only be unique within a home. */
const TURN_ID_BYTES = 6
/** Messages that one turn answers; a backlog beyond it is answered by further turns, so that a request stays within reason. */
const MESSAGES_PER_TURN_MAX = 100
/** Waiting messages that one look at the queue takes in. */
export const QUEUE_LOOK_MAX = 200

/** Proves the sender and opens a turn; null when the sender is not the owner. */
export const startTurn = (parts: RecordParts, message: InboundMessage): StartedTurn | null => {
  const intent = proveOwner(parts, message)
  return intent && parts.journal.transaction('turn.start', () => openTurn(parts, message, intent))
}

/** A turn that is over as soon as it is recorded. */
export const recordAnswered = (
  parts: RecordParts,
  {
    message,
    intent,
    ending,
  }: { readonly message: InboundMessage; readonly intent: OwnerIntent; readonly ending: TurnEnding },
): void => parts.journal.transaction('turn.end', () => closeTurn(parts, openTurn(parts, message, intent), ending))

/** One turn that answers messages nobody will work on; those that are not the owner's are refused. */
export const recordDismissed = (parts: RecordParts, messages: readonly InboundMessage[], ending: TurnEnding): void => {
  const proven = messages.flatMap((message) => {
    const intent = proveOwner(parts, message)
    return intent ? [{ message, intent }] : []
  })
  const [first, ...rest] = proven
  if (!first) return
  parts.journal.transaction('turn.end', () => {
    const turn = openTurn(parts, first.message, first.intent)
    for (const { message } of rest) takeMessage(parts, message, turn.id)
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
    parts.journal.transaction('message.in', () => takeMessage(parts, message, turn.id))
    joined.push(message)
  }
  if (joined.length > 0) {
    parts.journal.transaction('message.in', () => {
      for (const message of joined) takeMessage(parts, message, turn.id)
    })
  }
  return joined
}

/** The turn that a crash interrupted, to go on with; one whose owner is no longer the owner is closed instead. */
export const resumeTurn = ({ inbox, journal, ownerGate }: RecordParts): StartedTurn | null => {
  const id = journal.openTurn()
  if (id === null) return null
  const message = inbox.ofTurn(id)
  const proof = message ? ownerGate(message) : null
  journal.append({ type: 'turn.resume', turn: id, payload: {} })
  if (proof?.ok) return { id, intent: proof.intent }
  journal.transaction('turn.end', () => {
    journal.append({ type: 'turn.end', turn: id, ref: id, payload: { end: 'crashed' } })
    if (message) inbox.refuse(message)
  })
  return null
}

/** null when the sender is not the owner, which is recorded and nothing else. */
export const proveOwner = ({ inbox, journal, ownerGate }: RecordParts, message: InboundMessage): OwnerIntent | null => {
  const proof = ownerGate(message)
  if (proof.ok) return proof.intent
  journal.transaction('message.refused', () => {
    inbox.refuse(message)
    const payload = { channel: message.channel, senderId: message.senderId, reason: proof.reason }
    journal.append({ type: 'message.refused', turn: null, payload })
  })
  return null
}

const openTurn = (parts: RecordParts, message: InboundMessage, intent: OwnerIntent): StartedTurn => {
  const id = `t${randomBytes(TURN_ID_BYTES).toString('hex')}`
  parts.journal.append({ type: 'turn.start', turn: id, ref: id, payload: { channel: message.channel } })
  if (isForModel(message.text)) parts.note({ type: 'turn:start', detail: factsOf(id, message.channel) })
  takeMessage(parts, message, id)
  return { id, intent }
}

const takeMessage = (parts: RecordParts, message: InboundMessage, turn: string): void => {
  const { channel, messageId, senderId, text } = message
  // A code counts once; even so, no model ever reads one.
  const said = isConfirmationCode(text.trim().toLowerCase()) ? CODE_SAID : text
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
  if (isForModel(text)) parts.note({ type: 'owner:message', detail: { ...factsOf(turn, channel), senderId } })
}

const closeTurn = (parts: RecordParts, { id, intent }: StartedTurn, { end, text }: TurnEnding): void => {
  const { channel, messageId, senderId } = intent
  parts.journal.append({ type: 'turn.end', turn: id, ref: id, payload: { end, text } })
  parts.outbox.add({ key: id, channel, turn: id, to: senderId, replyTo: messageId, text })
  parts.inbox.answered(id)
  if (isForModel(intent.text)) parts.note({ type: 'turn:end', detail: factsOf(id, channel) })
}

const CODE_SAID = '(a code)'

/** What the node answers itself is no fact for rules: a word like `status` does not mean that the owner has looked. */
const isForModel = (text: string): boolean => parseControlWord(text) === null

const factsOf = (turn: string, channel: string) => ({ v: 1, turn, channel }) as const
