/** One turn at a time: its life from the first step to its reply, and the ways to end it from outside. */
import { runTurn } from './agent/agent.ts'
import type { Outbox } from './agent/outbox.ts'
import type { Turn, TurnEnding } from './agent/turn.types.ts'
import type { Channel } from './channels/channels.types.ts'
import { isRepeatable, parseControlWord } from './control-words.ts'
import type { ConversationParts, StartedTurn, StopReport } from './conversation.types.ts'
import { describeStop } from './describe.ts'
import { NodeError } from './utils/node-error.ts'

/** Why a turn was ended from outside; the reply says it. */
const STOPPED = 'Stopped.'
const FROZEN = {
  end: 'stopped',
  text: "I am frozen, because you said stop twice: I did not do this. Say 'resume', and then say it again.",
} as const
const SHUT_DOWN = 'Stopped: the node was shut down.'

/** At most one turn at a time, and the ways to end it from outside. */
export const createTurnRunner = (parts: ConversationParts, channels: ReadonlyMap<string, Channel>) => {
  const { outbox } = parts
  /** Messages that were a STOP when they came in, with what they did: their own turn only says so. */
  const stops = new Map<string, string>()
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
      endTurn(parts, turn, await answer(parts, turn, stops))
    } finally {
      current = null
      end()
    }
    if (channel) await deliver(outbox, channel)
  }

  return {
    run,
    /** Ends the running turn; resolves when it has ended, and is null when none runs. */
    abort: (): Promise<void> | null => {
      current?.abort.abort(STOPPED)
      return current?.ended ?? null
    },
    /** What the message that was a STOP is answered with. */
    explainStop: (messageId: string, report: StopReport): void => void stops.set(messageId, describeStop(report)),
    /** What is queued waits for the next start; only the running turn is ended. */
    shutDown: (): void => {
      ending = true
      current?.abort.abort(SHUT_DOWN)
    },
    running: () => current?.turn ?? null,
    isEnding: () => ending,
  }
}

/** Reply, end and the answered message are one transaction: none of them exists without the others. */
export const endTurn = (
  { inbox, outbox, journal }: Pick<ConversationParts, 'inbox' | 'outbox' | 'journal'>,
  { id, intent }: StartedTurn,
  { end, text }: TurnEnding,
): void =>
  journal.transaction('turn.end', () => {
    journal.append({ type: 'turn.end', turn: id, ref: id, payload: { end, text } })
    outbox.add({ key: id, channel: intent.channel, turn: id, replyTo: intent.messageId, text })
    inbox.answered(id)
  })

/** Sends what waits, in order. What may have arrived stays marked as being sent, and goes out again as a repeat. */
export const deliver = async (outbox: Outbox, channel: Channel): Promise<void> => {
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

const answer = async (parts: ConversationParts, turn: Turn, stops: Map<string, string>): Promise<TurnEnding> => {
  const word = parseControlWord(turn.intent.text)
  const did = stops.get(turn.intent.messageId)
  if (word === 'stop' && did !== undefined) {
    stops.delete(turn.intent.messageId)
    return { end: 'control', text: did }
  }
  if (!word) {
    if (parts.freeze.isFrozen()) return FROZEN
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
