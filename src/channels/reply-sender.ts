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

  const sendReply = async (reply: Reply): Promise<boolean> => {
    for (const part of outbox.parts(reply.key, () => layOutReply(reply.text, channel, parts.isNamedHost))) {
      const outcome = await sendPart(reply, part)
      if (outcome === 'over') {
        backOff.reset()
        continue
      }
      // That nobody is at a terminal is no fault; an absence with a hint is one that the owner can end.
      if (outcome.fault !== 'absent' || outcome.hint !== null) parts.onFault(outcome)
      if (outcome.fault === 'absent') return false
      void rest(outcome)
      return false
    }
    return true
  }

  const sendWaiting = async (): Promise<void> => {
    isWoken = false
    if (mustRest) return
    for (let waiting = outbox.pending(channel.name); waiting.length > 0; waiting = outbox.pending(channel.name)) {
      for (const reply of waiting) if (!(await sendReply(reply))) return
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
