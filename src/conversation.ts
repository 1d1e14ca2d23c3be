/**
 * How a message travels. A channel yields it, the inbox stores it, the owner gate proves whose it is, the turn runs
 * under the permission gate and the sandbox, the workspace is committed, and the reply leaves through the outbox. One
 * lane: messages are answered in the order in which they came, each exactly once, also across a crash.
 */
import { randomBytes } from 'node:crypto'
import { runTurn } from './agent/agent.ts'
import type { OwnerIntent } from './agent/agent.types.ts'
import type { AgentParts } from './agent/agent-parts.types.ts'
import type { InboundMessage, Inbox } from './agent/inbox.ts'
import type { Outbox } from './agent/outbox.ts'
import type { Turn, TurnResult } from './agent/turn.types.ts'
import type { Channel } from './channels/channels.types.ts'
import type { OwnerGate } from './channels/owner-gate.ts'
import { type ControlWord, isRepeatable, parseControlWord } from './control-words.ts'
import { createLane } from './utils/lane.ts'
import { NodeError } from './utils/node-error.ts'

/** Why a turn was ended from outside; the reply says it. */
const STOPPED = 'Stopped.'
const DID_STOP = { end: 'control', text: 'Stopped the running turn.' } as const
const SHUT_DOWN = 'Stopped: the node was shut down.'

/** Turn ids need only be unique within a home. */
const TURN_ID_BYTES = 6

export type ConversationParts = {
  readonly inbox: Inbox
  readonly outbox: Outbox
  readonly ownerGate: OwnerGate
  readonly journal: AgentParts['journal']
  /** Made at the first turn: loading a model costs more than starting the node. */
  readonly agentParts: () => Promise<AgentParts>
  readonly answerControlWord: (word: ControlWord, intent: OwnerIntent) => Promise<string>
  /** The state can no longer be written (disk full): nothing is taken any more, the node must end. */
  readonly onFatal: (error: unknown) => void
}

export type Conversation = {
  /**
   * Takes the channel's messages until the signal aborts and the running turn has ended; goes on with what an earlier run
   * left unfinished, and leaves to the next one what is still queued.
   */
  readonly serve: (channel: Channel, signal: AbortSignal) => Promise<void>
  /** Ends the running turn and resolves when it has ended; false when none runs. */
  readonly stop: () => Promise<boolean>
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
        if (isNew && parseControlWord(text) === 'stop' && parts.ownerGate(message).ok) turns.stopFor(id)
        void lane.run(drainOrFail)
      }
      await lane.idle()
    },
    stop: turns.stop,
    runningTurn: turns.running,
    idle: lane.idle,
    exclusive: lane.run,
  }
}

/** At most one turn at a time, and the ways to end it from outside. */
const createTurnRunner = (parts: ConversationParts, channels: ReadonlyMap<string, Channel>) => {
  const { inbox, outbox, journal } = parts
  /** Messages that ended a turn when they came in: their own turn only says so. */
  const stopped = new Set<string>()
  let current: { readonly turn: string; readonly abort: AbortController; readonly ended: Promise<void> } | null = null
  let ending = false

  const run = async ({ id, intent }: StartedTurn): Promise<void> => {
    const abort = new AbortController()
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    const channel = channels.get(intent.channel)
    current = { turn: id, abort, ended }
    try {
      const progress: Turn['progress'] = (event) => channel?.progress?.(intent.messageId, event)
      const turn = { id, intent, signal: abort.signal, progress }
      const result = stopped.delete(intent.messageId) ? DID_STOP : await answer(parts, turn)
      journal.transaction('turn.end', () => {
        journal.append({ type: 'turn.end', turn: id, ref: id, payload: { end: result.end, text: result.text } })
        outbox.add({ key: id, channel: intent.channel, turn: id, replyTo: intent.messageId, text: result.text })
        inbox.answered(id)
      })
    } finally {
      current = null
      end()
    }
    if (channel) await deliver(outbox, channel)
  }

  const stop = async (): Promise<boolean> => {
    const turn = current
    turn?.abort.abort(STOPPED)
    await turn?.ended
    return turn !== null
  }

  return {
    run,
    stop,
    stopFor: (messageId: string): void => {
      if (current) stopped.add(messageId)
      void stop()
    },
    /** What is queued waits for the next start; only the running turn is ended. */
    shutDown: (): void => {
      ending = true
      current?.abort.abort(SHUT_DOWN)
    },
    running: () => current?.turn ?? null,
    isEnding: () => ending,
  }
}

type StartedTurn = Pick<Turn, 'id' | 'intent'>

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

/** Sends what waits, in order. What may have arrived stays marked as being sent, and goes out again as a repeat. */
const deliver = async (outbox: Outbox, channel: Channel): Promise<void> => {
  for (const message of outbox.pending(channel.name)) {
    outbox.sending(message.key)
    const arrived = await channel.send(message).catch(() => 'unknown' as const)
    if (arrived === true) outbox.sent(message.key)
    else {
      if (arrived === false && !message.repeat) outbox.unsent(message.key)
      return
    }
  }
}

const answer = async (parts: ConversationParts, turn: Turn): Promise<Pick<TurnResult, 'end' | 'text'>> => {
  const word = parseControlWord(turn.intent.text)
  if (!word) {
    const agent = await parts.agentParts().catch((error: unknown) => toNodeError(error))
    if (!(agent instanceof NodeError)) return runTurn(agent, turn)
    return { end: 'model-error', text: `The model cannot be started: ${agent.message}` }
  }
  const ref = `${turn.id}/${word}`
  if (parts.journal.has('tool.start', ref) && !isRepeatable(word)) {
    const text = `I was interrupted while doing "${word}" and do not know how far it came: see 'log', then say it again.`
    return { end: 'crashed', text }
  }
  parts.journal.append({ type: 'tool.start', turn: turn.id, ref, payload: { tool: word } })
  return { end: 'control', text: await parts.answerControlWord(word, turn.intent) }
}

const toNodeError = (error: unknown): NodeError =>
  error instanceof NodeError ? error : new NodeError('INTERNAL', String(error), { cause: error })
