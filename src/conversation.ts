/**
 * How a message travels. A channel yields it, the inbox stores it, the owner gate proves whose it is, the turn runs
 * under the permission gate and the sandbox, the workspace is committed, and the reply leaves through the outbox. One
 * lane: messages are answered in the order in which they came, each exactly once, also across a crash. What is said while
 * a turn runs joins it before the model is asked again; a control word does not wait at all.
 */
import type { InboundMessage } from './agent/inbox.ts'
import { createChannelLines } from './channel-lines.ts'
import type { Channel } from './channels/channels.types.ts'
import { createControlDesk } from './control-desk.ts'
import type { ConversationParts, StopCause, StopReport } from './conversation.types.ts'
import { NOT_BEGUN } from './describe.ts'
import { QUEUE_LOOK_MAX, recordDismissed } from './open-turn.ts'
import { createTurnLane } from './turn-lane.ts'
import { createTurnRunner } from './turn-runner.ts'

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
  /** Something of the node's own waits in the outbox. */
  readonly send: (channel: string) => void
  /** Control words that are being answered. */
  readonly openWords: () => number
  /** Resolves when everything that was queued until now has ended. */
  readonly idle: () => Promise<void>
  /** Runs a task between turns. */
  readonly exclusive: <T>(task: () => Promise<T>) => Promise<T>
}

export const createConversation = (given: ConversationParts): Conversation => {
  let failed = false
  const onFatal = (error: unknown): void => {
    if (!failed) given.onFatal(error)
    failed = true
  }
  const parts = { ...given, onFatal }
  const { inbox } = parts
  const lines = createChannelLines(parts)

  const queued = (): readonly InboundMessage[] => inbox.queued(QUEUE_LOOK_MAX).filter((message) => !desk.has(message))
  const turns = createTurnRunner(parts, { ...lines, queued })

  const queuedBefore = (by: InboundMessage | null): readonly InboundMessage[] => {
    const waiting = queued()
    const end = waiting.findIndex(({ channel, messageId }) => channel === by?.channel && messageId === by.messageId)
    return end < 0 ? waiting : waiting.slice(0, end)
  }

  /** A backlog is not answered message by message: beyond the first look, one answer per channel and look. */
  const dismiss = (waiting: readonly InboundMessage[], { together }: { readonly together: boolean }): void => {
    const groups = together ? [...Map.groupBy(waiting, ({ channel }) => channel).values()] : waiting.map((one) => [one])
    for (const [first, ...rest] of groups) {
      if (!first) continue
      recordDismissed(parts, [first, ...rest], { end: 'stopped', text: NOT_BEGUN })
      lines.send(first.channel)
    }
  }

  const stop = async (cause: StopCause, by: InboundMessage | null = null): Promise<StopReport> => {
    const ended = turns.abort() // before anything is written: a full disk must not keep a turn running
    const stopped = ended !== null || parts.journal.openTurn() !== null // a crash may have interrupted one
    lane.leaveInterrupted()
    const frozen = cause === 'word' ? parts.freeze.noteStop() : parts.freeze.isFrozen()
    let dismissed = 0
    for (let waiting = queuedBefore(by); waiting.length > 0; waiting = queuedBefore(by)) {
      dismiss(waiting, { together: dismissed > 0 })
      dismissed += waiting.length
    }
    await ended
    lane.wake()
    return { stopped, dismissed, frozen }
  }

  const desk = createControlDesk(parts, { stop: (message) => stop('word', message), onAnswered: lines.send })
  const lane = createTurnLane(parts, { turns, desk, queued, hasFailed: () => failed, onEnded: lines.send })

  const idle = async (): Promise<void> => {
    await desk.idle() // a STOP wakes the lane when it is done
    await lane.idle()
    await lines.idle()
  }

  parts.questions.closeAbandoned()

  return {
    serve: async (channel, signal) => {
      lines.open(channel, signal)
      signal.addEventListener('abort', turns.shutDown, { once: true })
      if (signal.aborted) turns.shutDown()
      lane.wake()
      await lines.poll(channel, signal, (taken) => {
        for (const message of taken) desk.take(message)
        lane.wake()
      })
      await idle()
    },
    stop: (cause) => stop(cause),
    shutDown: turns.shutDown,
    runningTurn: turns.running,
    send: lines.send,
    openWords: desk.count,
    idle,
    exclusive: lane.exclusive,
  }
}
