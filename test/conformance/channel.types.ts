import type { Channel } from '../../src/channels/channels.types.ts'
import type { Timing } from '../../src/utils/timing.ts'

/** A fault that the service shows. `lost-answer`: it has taken the message, and its answer gets lost on the way. */
export type ServiceFault = 'rate-limited' | 'unreachable' | 'auth-failed' | 'lost-answer'

/** The other side of a channel, in the hands of the suite: its service, its owner, its strangers. */
export type ChannelWorld = {
  /** Who the owner is there, namespaced; null where whoever reaches the channel is the owner. */
  readonly ownerId: string | null
  /**
   * A new adapter over the same service: called again for every restart of the node. `timing.wait` resolves soon, whatever
   * it is asked for: pauses between polls take no time.
   */
  readonly connect: (ports: { readonly timing: Timing }) => Channel
  /** The owner writes; resolves when the service has it. */
  readonly write: (text: string) => Promise<void>
  /** Texts that the owner sees from the node, oldest first. */
  readonly seen: () => readonly string[]
  /** Resolves when the owner sees so many. */
  readonly sees: (count: number) => Promise<void>
  /** null where nobody but the owner can write. */
  readonly stranger: { readonly write: (text: string) => Promise<void>; readonly seen: () => readonly string[] } | null
  /** The service shows a fault at the next so many requests of a kind; null where it cannot be made to. */
  readonly fail: ((what: 'send' | 'poll', fault: ServiceFault, times: number) => void) | null
  /** From now on the service delivers everything once more, as after a cursor has expired; null where it never does. */
  readonly redeliver: (() => void) | null
  /** The owner has written all of these while nobody polled; null where messages do not wait. */
  readonly backlog: ((texts: readonly string[]) => Promise<void>) | null
  readonly [Symbol.asyncDispose]: () => Promise<void>
}
