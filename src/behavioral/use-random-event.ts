import type { BPEvent, RequestTemplate } from './behavioral.types.ts'

/** A request that picks one of the events at each selection, all equally likely. */
export const useRandomEvent =
  (...events: readonly BPEvent[]): RequestTemplate =>
  () =>
    events[Math.floor(Math.random() * events.length)]
