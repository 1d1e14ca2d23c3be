/** A service in memory and its adapter: what the port looks like when nothing else is in the way. */
import { ChannelError } from '../../src/channels/channel-error.ts'
import type {
  Channel,
  ChannelCapabilities,
  IncomingMessage,
  OutgoingMessage,
} from '../../src/channels/channels.types.ts'
import type { ChannelWorld, ServiceFault } from './channel.types.ts'

const OWNER = 'reference:owner'
const STRANGER = 'reference:stranger'
/** Messages that one look at the service brings. */
const PAGE = 100

/** How a channel keeps repeats away: by a key of the service, by looking, or not at all. */
export type RepeatGuard = 'key' | 'look' | 'none'

type Sent = { readonly id: string; readonly key: string; readonly to: string; readonly text: string }

export const createReferenceWorld = (name: string, guard: RepeatGuard): ChannelWorld => {
  const messages: IncomingMessage[] = []
  const sent: Sent[] = []
  const faults = { send: [] as ServiceFault[], poll: [] as ServiceFault[] }
  const listeners = new Set<() => void>()
  const changed = () => {
    for (const listener of listeners) listener()
  }
  /** Resolves at the next change, or when the signal aborts. */
  const change = (signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      const done = () => {
        listeners.delete(done)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      listeners.add(done)
      signal?.addEventListener('abort', done, { once: true })
    })
  let expired = false
  const writeAs = (senderId: string) => async (text: string) => {
    messages.push({ id: `m${messages.length + 1}`, senderId, text })
    changed()
  }
  const seenBy = (subject: string) => sent.filter(({ to }) => to === subject).map(({ text }) => text)

  const take = (message: OutgoingMessage): { readonly id: string } => {
    const known = guard === 'key' ? sent.find(({ key }) => key === message.key) : undefined
    if (known) return { id: known.id }
    const id = `s${sent.length + 1}`
    sent.push({ id, key: message.key, to: message.to, text: message.text })
    changed()
    return { id }
  }

  const connect = (): Channel => ({
    name,
    capabilities: capabilities(guard),
    identity: () => ({ id: 'reference:agent' }),
    poll: async function* ({ cursor, signal }) {
      let at = Number(cursor ?? 0)
      let isFirst = true
      while (!signal.aborted) {
        refuse(faults.poll.shift())
        if (expired) at = 0
        expired = false
        const page = messages.slice(at, at + PAGE)
        at += page.length
        if (page.length > 0 || isFirst) yield { messages: page, cursor: String(at) }
        else await change(signal)
        isFirst = false
      }
    },
    send: async (message) => {
      const fault = faults.send.shift()
      if (fault === 'lost-answer') take(message)
      refuse(fault)
      return take(message)
    },
    ...(guard === 'look' && { findSent: async (key: string) => sent.find((one) => one.key === key) ?? null }),
    ack: async () => {},
    typing: async () => {},
  })

  return {
    ...{ ownerId: OWNER, connect, write: writeAs(OWNER), seen: () => seenBy(OWNER) },
    sees: async (count) => {
      while (seenBy(OWNER).length < count) await change()
    },
    stranger: { write: writeAs(STRANGER), seen: () => seenBy(STRANGER) },
    fail: (what, fault, times) => {
      faults[what].push(...Array.from({ length: times }, () => fault))
      changed()
    },
    redeliver: () => {
      expired = true
      changed()
    },
    backlog: async (texts) => {
      for (const text of texts) messages.push({ id: `m${messages.length + 1}`, senderId: OWNER, text })
      changed()
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

const capabilities = (guard: RepeatGuard): ChannelCapabilities => ({
  ...{ graphemesMax: 120, bytesMax: 400, markdown: false, links: true, files: false, reactions: false },
  ...{ replyTo: true, edit: false, idempotencyKey: guard === 'key' },
})

const refuse = (fault: ServiceFault | undefined): void => {
  if (fault === 'rate-limited') throw new ChannelError('rate-limited', 'too many requests', { retryAfterMs: 7000 })
  if (fault === 'auth-failed')
    throw new ChannelError('auth-failed', 'the password was refused', { hint: 'make a new one' })
  if (fault === 'unreachable') throw new ChannelError('unreachable', 'no connection', { mayHaveArrived: false })
  if (fault === 'lost-answer') throw new ChannelError('unreachable', 'the connection broke')
}
