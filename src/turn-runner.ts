/** One turn at a time: its life from the first step to its end, and the ways to end it from outside. */
import { runTurn } from './agent/agent.ts'
import type { InboundMessage } from './agent/inbox.ts'
import type { Turn, TurnEnding } from './agent/turn.types.ts'
import type { Channel } from './channels/channels.types.ts'
import { needsLane } from './control-words.ts'
import type { ConversationParts, StartedTurn } from './conversation.types.ts'
import { endTurn, joinTurn } from './open-turn.ts'
import { NodeError } from './utils/node-error.ts'

/** Why a turn was ended from outside; the reply says it. */
const STOPPED = 'Stopped.'
const FROZEN = {
  end: 'stopped',
  text: "I am frozen, because you said stop twice: I did not do this. Say 'resume', and then say it again.",
} as const
const SHUT_DOWN = 'Stopped: the node was shut down.'

export type TurnRunner = {
  /** `isStopped`: the owner said stop while nobody ran it; it ends as a stopped turn does. */
  readonly run: (turn: StartedTurn, options?: { readonly isStopped: boolean }) => Promise<void>
  /** Ends the running turn; resolves when it has ended, and is null when none runs. */
  readonly abort: () => Promise<void> | null
  /** What is queued waits for the next start; only the running turn is ended. */
  readonly shutDown: () => void
  readonly running: () => string | null
  readonly isEnding: () => boolean
}

export const createTurnRunner = (
  parts: ConversationParts,
  {
    channels,
    typing,
    queued,
  }: {
    readonly channels: ReadonlyMap<string, Channel>
    /** Shows that the message is being worked on. Must not throw. */
    readonly typing: (channel: Channel | undefined, messageId: string) => void
    /** What waits, besides what is answered beside the turn. */
    readonly queued: () => readonly InboundMessage[]
  },
): TurnRunner => {
  let current: { readonly turn: string; readonly abort: AbortController; readonly ended: Promise<void> } | null = null
  let ending = false

  const run = async (started: StartedTurn, { isStopped = false } = {}): Promise<void> => {
    const { id, intent } = started
    const abort = new AbortController()
    if (isStopped) abort.abort(STOPPED)
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    const channel = channels.get(intent.channel)
    current = { turn: id, abort, ended }
    const joinWaiting = (): boolean => {
      const joined = joinTurn(parts, started, queued())
      for (const { messageId } of joined) channel?.progress?.(messageId, { kind: 'joined', to: intent.messageId })
      return joined.length > 0
    }
    try {
      const progress: Turn['progress'] = (event) => {
        channel?.progress?.(intent.messageId, event)
        if (event.kind === 'call') typing(channel, intent.messageId)
      }
      typing(channel, intent.messageId)
      const turn = { id, intent, signal: abort.signal, progress, joinWaiting }
      endTurn(parts, started, await answer(parts, turn, started))
    } finally {
      current = null
      end()
    }
  }

  return {
    run,
    abort: () => {
      current?.abort.abort(STOPPED)
      return current?.ended ?? null
    },
    shutDown: () => {
      ending = true
      current?.abort.abort(SHUT_DOWN)
    },
    running: () => current?.turn ?? null,
    isEnding: () => ending,
  }
}

const answer = async (parts: ConversationParts, turn: Turn, { word }: StartedTurn): Promise<TurnEnding> => {
  if (!word) {
    if (parts.freeze.isFrozen() && !turn.signal.aborted) return FROZEN
    const agent = await parts.agentParts().catch((error: unknown) => toNodeError(error))
    if (!(agent instanceof NodeError)) return runTurn(agent, turn)
    return { end: 'model-error', text: `The model cannot be started: ${agent.message}` }
  }
  const ref = `${turn.id}/${word}`
  if (parts.journal.has('tool.start', ref) && needsLane(word)) {
    const text = `I was interrupted while doing "${word}" and do not know how far it came: see 'log', then say it again.`
    return { end: 'crashed', text }
  }
  parts.journal.append({ type: 'tool.start', turn: turn.id, ref, payload: { tool: word } })
  return { end: 'control', text: await parts.answerControlWord(word, turn.intent) }
}

const toNodeError = (error: unknown): NodeError =>
  error instanceof NodeError ? error : new NodeError('INTERNAL', String(error), { cause: error })
