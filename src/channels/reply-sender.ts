/**
 * Replies on their way out of one channel: in order, one at a time, never lost silently. A channel that fails is given a
 * growing rest; one where nobody listens is asked again at the next message. How one part leaves is `part-sender.ts`.
 */
import type { Reply } from '../agent/outbox.ts'
import { createLane } from '../utils/lane.ts'
import type { Timing } from '../utils/timing.ts'
import { createBackOff } from './back-off.ts'
import type { ChannelError } from './channel-error.ts'
import type { Channel } from './channels.types.ts'
import { layOutReply } from './lay-out-reply.ts'
import { createPartSender, type PartSenderParts } from './part-sender.ts'

export type ReplySender = {
  /** Sends what waits. */
  readonly wake: () => void
  /** Resolves when everything that was woken has ended, rests apart. */
  readonly idle: () => Promise<void>
}

export type ReplySenderParts = PartSenderParts & {
  readonly timing: Timing
  /** Whether the owner has named this host: others are not sent as links. */
  readonly isNamedHost: (host: string) => boolean
  readonly onFault: (error: ChannelError) => void
  /** The outbox cannot be written. */
  readonly onFatal: (error: unknown) => void
}

/** After the signal aborts, what fails waits for the next start. */
export const createReplySender = (parts: ReplySenderParts, channel: Channel, signal: AbortSignal): ReplySender => {
  const { outbox, timing } = parts
  const lane = createLane()
  const backOff = createBackOff(timing)
  const sendPart = createPartSender(parts, channel)
  let isWoken = false
  let isResting = false
  /** The service has asked for it: a message that comes meanwhile is no reason to try earlier. */
  let mustRest = false

  const sendReply = async (reply: Reply): Promise<'over' | 'absent' | 'failed'> => {
    for (const part of outbox.parts(reply.key, () => layOutReply(reply.text, channel, parts.isNamedHost))) {
      const outcome = await sendPart(reply, part)
      if (outcome === 'over') {
        backOff.reset()
        continue
      }
      // That nobody is at a terminal is no fault; an absence with a hint is one that the owner can end.
      if (outcome.fault !== 'absent' || outcome.hint !== null) parts.onFault(outcome)
      if (outcome.fault === 'absent') return 'absent'
      void rest(outcome)
      return 'failed'
    }
    return 'over'
  }

  const sendWaiting = async (): Promise<void> => {
    isWoken = false
    if (mustRest) return
    const absent = new Set<string>() // who cannot be reached holds up nobody else
    const waiting = () => outbox.pending(channel.name).filter(({ to }) => !absent.has(to))
    for (let replies = waiting(); replies.length > 0; replies = waiting()) {
      for (const reply of replies) {
        if (absent.has(reply.to)) continue
        const end = await sendReply(reply)
        if (end === 'failed') return
        if (end === 'absent') absent.add(reply.to)
      }
    }
  }

  const rest = async (error: ChannelError): Promise<void> => {
    if (isResting || signal.aborted) return
    isResting = true
    mustRest = error.fault === 'rate-limited' || error.fault === 'auth-failed'
    await timing.wait(backOff.next(error), signal)
    isResting = false
    mustRest = false
    if (!signal.aborted) wake()
  }

  /** Many wakes before the lane comes to it are one. */
  const wake = (): void => {
    if (isWoken) return
    isWoken = true
    void lane.run(sendWaiting).catch(parts.onFatal)
  }

  return { wake, idle: lane.idle }
}
