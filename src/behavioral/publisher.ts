import type { Disconnect } from './behavioral.types.ts'
import { contain } from './error-reports.ts'

/** Hands messages to listeners in the order of subscription; what a listener throws or rejects goes to `onFailure`. */
export type Publisher<Message> = {
  readonly subscribe: (listener: (message: Message) => void | Promise<void>) => Disconnect
  readonly publish: (message: Message) => void
  readonly hasListeners: () => boolean
}

/** Builds a publisher without listeners. `onFailure` must not throw. */
export const createPublisher = <Message>(onFailure: (error: unknown, message: Message) => void): Publisher<Message> => {
  type Subscription = { readonly listener: (message: Message) => void | Promise<void> }
  const subscriptions = new Set<Subscription>()
  return {
    subscribe: (listener) => {
      // Each call subscribes anew, so that disconnecting one of two equal listeners leaves the other.
      const subscription = { listener }
      subscriptions.add(subscription)
      return () => void subscriptions.delete(subscription)
    },
    publish: (message) => {
      for (const { listener } of subscriptions) {
        contain(
          () => listener(message),
          (error) => onFailure(error, message),
        )
      }
    },
    hasListeners: () => subscriptions.size > 0,
  }
}
