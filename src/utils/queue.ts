/** An unbounded hand-over from callbacks to one async reader. Bound what is pushed where it comes from. */
export type Queue<T> = {
  readonly push: (item: T) => void
  /** Yields items as they come until the signal aborts. */
  readonly drain: (signal: AbortSignal) => AsyncGenerator<T>
}

export const createQueue = <T>(): Queue<T> => {
  const items: T[] = []
  let wake: (() => void) | null = null
  return {
    push: (item) => {
      items.push(item)
      wake?.()
    },
    drain: async function* (signal) {
      const onAbort = () => wake?.()
      signal.addEventListener('abort', onAbort, { once: true })
      try {
        while (!signal.aborted) {
          const item = items.shift()
          if (item !== undefined) yield item
          else await new Promise<void>((resolve) => (wake = resolve))
        }
      } finally {
        signal.removeEventListener('abort', onAbort)
      }
    },
  }
}
