/** Waiting and chance as a dependency, so that tests need neither. Contract of `wait`: resolves when the signal aborts, never rejects. */
export type Timing = {
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  /** From 0 up to, not including, 1. */
  readonly random: () => number
}

export const systemTiming: Timing = {
  random: Math.random,
  wait: (ms, signal) =>
    new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done)
      if (signal.aborted) done()
    }),
}
