/**
 * Asks one channel for messages until it ends. A batch is stored, with its cursor, before the next one is asked for, so
 * that a backlog of any length is in memory one batch at a time. A fault of the channel is followed by a rest and a new
 * start from the stored cursor; a fault of the store is not the channel's, and ends it.
 */
import type { Timing } from '../utils/timing.ts'
import { createBackOff } from './back-off.ts'
import { ChannelError, toChannelError } from './channel-error.ts'
import type { Channel, IncomingBatch } from './channels.types.ts'

/** How long an adapter may take to end when it is told to; what it has not yielded by then is delivered again. */
const STOP_TIME_MAX_MS = 10_000

export type PollParts = {
  readonly timing: Timing
  /** Where the last stored batch ended. */
  readonly cursor: () => string | null
  /** Stores messages and cursor. What it rejects with is a fault of the node. */
  readonly store: (batch: IncomingBatch) => Promise<void>
  readonly onFault: (error: ChannelError) => void
}

/** Resolves when the signal aborts or the other side has ended. Rejects with what `store` rejects with. */
export const pollChannel = async (channel: Channel, parts: PollParts, signal: AbortSignal): Promise<void> => {
  const { timing, cursor, store, onFault } = parts
  const backOff = createBackOff(timing)
  while (!signal.aborted) {
    const batches = channel.poll({ cursor: cursor(), signal })
    const nextBatch = () => nextInTime(batches, timing, signal).catch(toChannelError)
    let next = await nextBatch()
    // An empty first batch shows that the service answers; a channel that fails right behind it has not recovered.
    for (let isFirst = true; !(next instanceof ChannelError) && !next.done; isFirst = false) {
      await store(next.value)
      if (!isFirst || next.value.messages.length > 0) backOff.reset()
      next = await nextBatch()
    }
    if (!(next instanceof ChannelError)) return
    if (signal.aborted) return
    onFault(next)
    await timing.wait(backOff.next(next), signal)
  }
}

type Next = IteratorResult<IncomingBatch, void>

const nextInTime = async (
  batches: AsyncGenerator<IncomingBatch, void>,
  timing: Timing,
  signal: AbortSignal,
): Promise<Next> => {
  const { promise: ended, resolve } = Promise.withResolvers<Next>()
  const settled = new AbortController()
  const onAbort = () =>
    void timing.wait(STOP_TIME_MAX_MS, settled.signal).then(() => resolve({ done: true, value: undefined }))
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([batches.next(), ended])
  } finally {
    signal.removeEventListener('abort', onAbort)
    settled.abort()
  }
}
