/** A channel whose node can die: from then on nothing of it returns, and nothing reaches it. */
import type { Channel } from '../../src/channels/channels.types.ts'

export type Crashable = {
  readonly channel: Channel
  readonly crash: () => void
}

const never = new Promise<never>(() => {})

export const crashable = (real: Channel): Crashable => {
  const death = new AbortController()
  const alive = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work
    return death.signal.aborted ? never : result
  }
  return {
    crash: () => death.abort(),
    channel: {
      ...real,
      poll: async function* ({ cursor, signal }) {
        for await (const batch of real.poll({ cursor, signal: AbortSignal.any([signal, death.signal]) })) {
          if (death.signal.aborted) break
          yield batch
        }
        if (death.signal.aborted) await never
      },
      send: (message, signal) => (death.signal.aborted ? never : alive(real.send(message, signal))),
    },
  }
}
