/**
 * How a message travels. A channel yields it, the inbox stores it, the owner gate proves whose it is, the turn runs
 * under the permission gate and the sandbox, the workspace is committed, and the reply leaves through the outbox. One
 * lane: messages are answered in the order in which they came, each exactly once, also across a crash.
 */
import { randomBytes } from 'node:crypto'
import { runTurn } from './agent/agent.ts'
import type { AgentParts } from './agent/agent-parts.types.ts'
import type { InboundMessage, Inbox } from './agent/inbox.ts'
import type { Outbox } from './agent/outbox.ts'
import type { Turn, TurnResult } from './agent/turn.types.ts'
import type { Channel } from './channels/channels.types.ts'
import type { OwnerGate } from './channels/owner-gate.ts'
import { type ControlWord, parseControlWord } from './control-words.ts'
import { createLane } from './utils/lane.ts'

/** Why a turn was ended from outside; the reply says it. */
const STOPPED = 'Stopped.'
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
  readonly answerControlWord: (word: ControlWord) => Promise<string>
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
  const { inbox, outbox, journal, ownerGate } = parts
  const channels = new Map<string, Channel>()
  const lane = createLane()
  let running: { readonly turn: string; readonly abort: AbortController; readonly ended: Promise<void> } | null = null
  let ending = false
  let failed = false

  const run = async ({ id, intent }: StartedTurn): Promise<void> => {
    const abort = new AbortController()
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    const channel = channels.get(intent.channel)
    running = { turn: id, abort, ended }
    try {
      const progress: Turn['progress'] = (event) => channel?.progress?.(intent.messageId, event)
      const result = await answer(parts, { id, intent, signal: abort.signal, progress })
      journal.transaction('turn.end', () => {
        journal.append({ type: 'turn.end', turn: id, ref: id, payload: { end: result.end, text: result.text } })
        outbox.add({ key: id, channel: intent.channel, turn: id, replyTo: intent.messageId, text: result.text })
        inbox.answered(id)
      })
    } finally {
      running = null
      end()
    }
    if (channel) await deliver(outbox, channel)
  }

  // Replies leave through the lane only: two deliveries at once could send the same one twice.
  const drain = async (): Promise<void> => {
    for (const channel of channels.values()) await deliver(outbox, channel)
    const interrupted = resumeTurn(parts)
    if (interrupted) await run(interrupted)
    for (let message = inbox.next(); message && !ending; message = inbox.next()) {
      const started = startTurn(parts, message)
      if (started) await run(started)
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

  const stop = async (): Promise<boolean> => {
    const turn = running
    turn?.abort.abort(STOPPED)
    await turn?.ended
    return turn !== null
  }

  return {
    serve: async (channel, signal) => {
      channels.set(channel.name, channel)
      // What is queued waits for the next start; only the running turn is ended.
      const shutDown = () => {
        ending = true
        running?.abort.abort(SHUT_DOWN)
      }
      signal.addEventListener('abort', shutDown, { once: true })
      void lane.run(drainOrFail)
      for await (const { id, senderId, text } of channel.poll(signal)) {
        const message = { channel: channel.name, messageId: id, senderId, text }
        const isNew = inbox.accept(message)
        // The turn that it is to stop runs ahead of it in the lane.
        if (isNew && parseControlWord(text) === 'stop' && ownerGate(message).ok) void stop()
        void lane.run(drainOrFail)
      }
      await lane.idle()
    },
    stop,
    runningTurn: () => running?.turn ?? null,
    idle: lane.idle,
    exclusive: lane.run,
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

const deliver = async (outbox: Outbox, channel: Channel): Promise<void> => {
  for (const message of outbox.pending(channel.name)) {
    outbox.sending(message.key)
    try {
      await channel.send(message)
    } catch {
      // This attempt certainly did not arrive: it waits until somebody can take it. An earlier one may have.
      if (!message.repeat) outbox.unsent(message.key)
      return
    }
    outbox.sent(message.key)
  }
}

const answer = async (parts: ConversationParts, turn: Turn): Promise<Pick<TurnResult, 'end' | 'text'>> => {
  const word = parseControlWord(turn.intent.text)
  if (!word) return runTurn(await parts.agentParts(), turn)
  const ref = `${turn.id}/${word}`
  if (parts.journal.has('tool.start', ref)) {
    const text = `I was interrupted while doing "${word}" and do not know how far it came: see 'log', then say it again.`
    return { end: 'crashed', text }
  }
  parts.journal.append({ type: 'tool.start', turn: turn.id, ref, payload: { tool: word } })
  return { end: 'control', text: await parts.answerControlWord(word) }
}
