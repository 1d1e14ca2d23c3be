/**
 * Replies on their way out of one channel: in order, one at a time, never lost. A reply is marked before it is sent and
 * again when it has arrived; one that may have arrived goes out again as a repeat, with the same key, so that a channel
 * that knows keys shows it once. A channel that fails is given a growing rest; one where nobody listens is asked again at
 * the next message.
 */
import type { Outbox, OutgoingMessage } from '../agent/outbox.ts'
import { createLane } from '../utils/lane.ts'
import type { Timing } from '../utils/timing.ts'
import type { Channel } from './channels.types.ts'

/** The first rest after a failure; each further one is twice as long. */
const REST_MIN_MS = 1000
/** An owner who comes back to a restored channel does not wait longer than this for what was kept. */
const REST_MAX_MS = 5 * 60_000
/** A rest is shorter by up to this share, so that all that failed together does not come back together. */
const JITTER_SHARE = 0.5

export type ReplySender = {
  /** Sends what waits. */
  readonly wake: () => void
  /** Resolves when everything that was woken has ended, rests apart. */
  readonly idle: () => Promise<void>
}

/** After the signal aborts, what fails waits for the next start. `onFatal`: the outbox cannot be written. */
export const createReplySender = (
  {
    outbox,
    timing,
    onFatal,
  }: { readonly outbox: Outbox; readonly timing: Timing; readonly onFatal: (error: unknown) => void },
  channel: Channel,
  signal: AbortSignal,
): ReplySender => {
  const lane = createLane()
  let failures = 0
  let isResting = false

  const send = async (message: OutgoingMessage): Promise<boolean> => {
    outbox.sending(message.key)
    const arrived = await channel.send(message).catch(() => 'unknown' as const)
    if (arrived === 'unknown') {
      void rest()
      return false
    }
    failures = 0
    if (arrived) outbox.sent(message.key)
    else if (!message.repeat) outbox.unsent(message.key)
    return arrived
  }

  const sendWaiting = async (): Promise<void> => {
    for (let waiting = outbox.pending(channel.name); waiting.length > 0; waiting = outbox.pending(channel.name)) {
      for (const message of waiting) if (!(await send(message))) return
    }
  }

  const rest = async (): Promise<void> => {
    if (isResting || signal.aborted) return
    isResting = true
    const longest = Math.min(REST_MIN_MS * 2 ** failures++, REST_MAX_MS)
    await timing.wait(longest * (1 - JITTER_SHARE * timing.random()), signal)
    isResting = false
    if (!signal.aborted) wake()
  }

  const wake = (): void => void lane.run(sendWaiting).catch(onFatal)
  return { wake, idle: lane.idle }
}
