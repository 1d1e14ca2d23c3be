/**
 * One turn after the other: first the one that a crash interrupted, then what waits in the inbox, control words ahead of
 * everything else. A fault of the state itself (disk full) ends it for good.
 */
import type { InboundMessage } from './agent/inbox.ts'
import type { ControlDesk } from './control-desk.ts'
import { parseControlWord } from './control-words.ts'
import type { ConversationParts } from './conversation.types.ts'
import { resumeTurn, startTurn } from './open-turn.ts'
import type { TurnRunner } from './turn-runner.ts'
import { createLane } from './utils/lane.ts'

export type TurnLane = {
  /** Works until nothing waits any more. */
  readonly wake: () => void
  /** The owner said stop: a turn that an earlier run left is ended as stopped instead of gone on with. */
  readonly leaveInterrupted: () => void
  /** Runs a task between turns. */
  readonly exclusive: <T>(task: () => Promise<T>) => Promise<T>
  readonly idle: () => Promise<void>
}

export const createTurnLane = (
  parts: ConversationParts,
  {
    turns,
    desk,
    queued,
    hasFailed,
    onEnded,
  }: {
    readonly turns: TurnRunner
    readonly desk: ControlDesk
    /** What waits, oldest first, besides what is being answered at the desk. */
    readonly queued: () => readonly InboundMessage[]
    /** The state cannot be written: nothing is begun any more. */
    readonly hasFailed: () => boolean
    /** A turn of this channel has ended. */
    readonly onEnded: (channel: string) => void
  },
): TurnLane => {
  const lane = createLane()
  let isLeft = false
  let isWoken = false

  /** Said before a crash, or beyond the part of the queue that was looked at. */
  const takeWords = (): void => {
    for (const message of queued()) desk.take(message)
  }

  const next = (): InboundMessage | undefined => {
    takeWords()
    const waiting = queued()
    return waiting.find(({ text }) => parseControlWord(text) !== null) ?? waiting[0]
  }

  const work = async (): Promise<void> => {
    takeWords() // a STOP above all
    const interrupted = turns.isEnding() ? null : resumeTurn(parts)
    if (interrupted) {
      await turns.run(interrupted, { isStopped: isLeft || parts.freeze.isFrozen() })
      onEnded(interrupted.intent.channel)
    }
    for (let message = next(); message && !turns.isEnding(); message = next()) {
      const started = startTurn(parts, message)
      if (started) await turns.run(started)
      onEnded(message.channel)
    }
  }

  const workOrFail = async (): Promise<void> => {
    isWoken = false
    if (!hasFailed()) await work().catch(parts.onFatal)
  }

  return {
    wake: () => {
      if (isWoken) return // many wakes before the lane comes to it are one
      isWoken = true
      void lane.run(workOrFail)
    },
    leaveInterrupted: () => {
      isLeft = true
    },
    exclusive: lane.run,
    idle: lane.idle,
  }
}
