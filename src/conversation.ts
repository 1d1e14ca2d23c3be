/**
 * How a message travels. A channel yields it, the inbox stores it, the owner gate proves whose it is, the turn runs
 * under the permission gate and the sandbox, the workspace is committed, and the reply leaves through the outbox. One
 * lane: messages are answered in the order in which they came, each exactly once, also across a crash.
 */
import { randomBytes } from 'node:crypto'
import type { InboundMessage } from './agent/inbox.ts'
import type { Channel } from './channels/channels.types.ts'
import { parseControlWord } from './control-words.ts'
import type { ConversationParts, StartedTurn, StopCause, StopReport } from './conversation.types.ts'
import { createTurnRunner, deliver, endTurn } from './turn-runner.ts'
import { createLane } from './utils/lane.ts'

/** Queued messages that one STOP dismisses; what is beyond stays queued. */
const DISMISSED_MAX = 200
const NOT_BEGUN = {
  end: 'stopped',
  text: 'Not done: you said stop before I began it. Say it again if you still want it.',
} as const

/** Turn ids need only be unique within a home. */
const TURN_ID_BYTES = 6

export type Conversation = {
  /**
   * Takes the channel's messages until the signal aborts and the running turn has ended; goes on with what an earlier run
   * left unfinished, and leaves to the next one what is still queued.
   */
  readonly serve: (channel: Channel, signal: AbortSignal) => Promise<void>
  /** Ends the running turn and dismisses what is queued; resolves when the turn has ended. */
  readonly stop: (cause: StopCause) => Promise<StopReport>
  /** Ends the running turn because the node ends; what is queued waits for the next start. */
  readonly shutDown: () => void
  readonly runningTurn: () => string | null
  /** Resolves when everything that was queued until now has ended. */
  readonly idle: () => Promise<void>
  /** Runs a task between turns. */
  readonly exclusive: <T>(task: () => Promise<T>) => Promise<T>
}

export const createConversation = (parts: ConversationParts): Conversation => {
  const { inbox, outbox } = parts
  const channels = new Map<string, Channel>()
  const lane = createLane()
  const turns = createTurnRunner(parts, channels)
  let failed = false

  // Replies leave through the lane only: two deliveries at once could send the same one twice.
  const drain = async (): Promise<void> => {
    for (const channel of channels.values()) await deliver(outbox, channel)
    const interrupted = turns.isEnding() ? null : resumeTurn(parts)
    if (interrupted) await turns.run(interrupted)
    for (let message = inbox.next(); message && !turns.isEnding(); message = inbox.next()) {
      const started = startTurn(parts, message)
      if (started) await turns.run(started)
    }
  }

  const drainOrFail = async (): Promise<void> => {
    if (failed) return
    try {
      await drain()
    } catch (error) {
      failed = true
      parts.onFatal(error)
    }
  }

  const stop = async (cause: StopCause, byMessage: string | null = null): Promise<StopReport> => {
    const ended = turns.abort() // before anything is written: a full disk must not keep a turn running
    const frozen = cause === 'word' ? parts.freeze.noteStop() : parts.freeze.isFrozen()
    const dismissed = inbox.queued(DISMISSED_MAX).filter((message) => message.messageId !== byMessage)
    for (const message of dismissed) {
      const started = startTurn(parts, message)
      if (started) endTurn(parts, started, NOT_BEGUN)
    }
    const report = { stopped: ended !== null, dismissed: dismissed.length, frozen }
    if (byMessage !== null) turns.explainStop(byMessage, report)
    await ended
    void lane.run(drainOrFail)
    return report
  }

  return {
    serve: async (channel, signal) => {
      channels.set(channel.name, channel)
      signal.addEventListener('abort', turns.shutDown, { once: true })
      if (signal.aborted) turns.shutDown()
      void lane.run(drainOrFail)
      for await (const { id, senderId, text } of channel.poll(signal)) {
        const message = { channel: channel.name, messageId: id, senderId, text }
        const isNew = inbox.accept(message)
        // The turn that it is to stop runs ahead of it in the lane.
        if (isNew && parseControlWord(text) === 'stop' && parts.ownerGate(message).ok) {
          stop('word', id).catch(parts.onFatal)
        }
        void lane.run(drainOrFail)
      }
      await lane.idle()
    },
    stop: (cause) => stop(cause),
    shutDown: turns.shutDown,
    runningTurn: turns.running,
    idle: lane.idle,
    exclusive: lane.run,
  }
}

/** Proves the sender and opens a turn; null when the sender is not the owner, which is recorded and nothing else. */
const startTurn = ({ inbox, journal, ownerGate }: ConversationParts, message: InboundMessage): StartedTurn | null => {
  const proof = ownerGate(message)
  if (!proof.ok) {
    journal.transaction('message.refused', () => {
      inbox.refuse(message)
      const payload = { channel: message.channel, senderId: message.senderId, reason: proof.reason }
      journal.append({ type: 'message.refused', turn: null, payload })
    })
    return null
  }
  const id = `t${randomBytes(TURN_ID_BYTES).toString('hex')}`
  journal.transaction('turn.start', () => {
    const ref = `${message.channel}/${message.messageId}`
    journal.append({ type: 'turn.start', turn: id, ref: id, payload: { channel: message.channel } })
    journal.append({ type: 'message.in', turn: id, ref, payload: { text: message.text } })
    inbox.take(message, id)
  })
  return { id, intent: proof.intent }
}

/** The turn that a crash interrupted, to go on with; one whose owner is no longer the owner is closed instead. */
const resumeTurn = ({ inbox, journal, ownerGate }: ConversationParts): StartedTurn | null => {
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
