/** The gateway in the hands of the suite: its owner is a program that was paired, and asks over HTTP. */
import type { Channel, ChannelEnvironment } from '../../src/channels/channels.types.ts'
import { createGatewayChannel } from '../../src/channels/gateway/gateway.ts'
import type { Timing } from '../../src/utils/timing.ts'
import type { ChannelWorld } from './channel.types.ts'

/** What the node keeps for the adapter: the same for each of its starts. */
export type GatewayHome = {
  readonly values: Map<string, string>
  readonly links: Set<string>
  /** All that was shown at the terminal. */
  readonly shown: string[]
}
export const createGatewayHome = (): GatewayHome => ({ values: new Map(), links: new Set(), shown: [] })

export type StartedGateway = {
  readonly channel: Channel
  /** What it showed when it began to listen. */
  readonly listening: Promise<{ readonly url: string; readonly code: string }>
}

/** Whoever waits for a reply waits until it comes. */
const patient: Timing['wait'] = (_, signal) =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))

export const connectGateway = (
  { values, links, shown }: GatewayHome,
  options: { readonly now?: () => number; readonly wait?: Timing['wait'] } = {},
): StartedGateway => {
  const listening = Promise.withResolvers<{ url: string; code: string }>()
  const environment: ChannelEnvironment = {
    ...{ settings: { GATEWAY_PORT: '0' }, ownerId: null },
    store: {
      get: (key) => values.get(key) ?? null,
      set: (key, value) => (value === null ? values.delete(key) : values.set(key, value)),
    },
    links: { add: (id) => links.add(id), remove: (id) => links.delete(id), list: () => [...links] },
    clock: { now: options.now ?? (() => 1_800_000_000_000) },
    timing: { random: () => 0, wait: options.wait ?? patient },
    announce: (text) => {
      shown.push(text)
      const [, url, code] = /(http:\S+[^,\s])[\s\S]*X-Pairing-Code: (\d{6})/.exec(text) ?? []
      if (url !== undefined && code !== undefined) listening.resolve({ url, code })
    },
  }
  const channel = createGatewayChannel(environment)
  if ('missing' in channel) throw new Error(channel.missing.join('; '))
  return { channel, listening: listening.promise }
}

export type GatewayAnswer = {
  readonly status: number
  readonly body: {
    readonly id?: string
    readonly response?: string
    readonly status?: string
    readonly error?: string
    readonly token?: string
    readonly earlier?: readonly { readonly id: string; readonly response: string }[]
  }
}

export const post = async (
  url: string,
  headers: Readonly<Record<string, string>>,
  body?: unknown,
  signal?: AbortSignal,
): Promise<GatewayAnswer> => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { connection: 'close', ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  })
  return { status: response.status, body: (await response.json()) as GatewayAnswer['body'] }
}

export const pair = async ({ listening }: Pick<StartedGateway, 'listening'>): Promise<string> => {
  const { url, code } = await listening
  const { body } = await post(`${url}/pair`, { 'x-pairing-code': code })
  if (body.token === undefined) throw new Error('not paired')
  return body.token
}

export const createGatewayWorld = async (): Promise<ChannelWorld> => {
  const home = createGatewayHome()
  const first = connectGateway(home)
  const end = new AbortController()
  const polled = first.channel.poll({ cursor: null, signal: end.signal })
  await polled.next()
  const token = await pair(first)
  end.abort()
  await polled.next()
  await first.channel.close?.()

  const connected: StartedGateway[] = []
  const seen: string[] = []
  const listeners = new Set<() => void>()
  const taken = { count: 0 }
  let written = 0
  const changed = () => {
    for (const listener of [...listeners]) listener()
  }
  const until = async (isTrue: () => boolean) => {
    while (!isTrue()) {
      await new Promise<void>((resolve) => {
        const done = () => {
          listeners.delete(done)
          resolve()
        }
        listeners.add(done)
      })
    }
  }
  return {
    ownerId: `gateway:${token.split('.')[0]}`,
    connect: () => {
      const started = connectGateway(home)
      connected.push(started)
      return {
        ...started.channel,
        poll: async function* (from) {
          for await (const batch of started.channel.poll(from)) {
            taken.count += batch.messages.length
            changed()
            yield batch
          }
        },
      }
    },
    write: async (text) => {
      const { url } = (await connected.at(-1)?.listening) ?? { url: '' }
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      void post(`${url}/webhook`, headers, { message: text }).then(
        ({ body }) => {
          for (const { response } of body.earlier ?? []) seen.push(response)
          if (body.response !== undefined) seen.push(body.response)
          changed()
        },
        () => {}, // its node has died
      )
      const place = ++written
      await until(() => taken.count >= place)
    },
    seen: () => seen,
    sees: (count) => until(() => seen.length >= count),
    ...{ stranger: null, fail: null, redeliver: null, backlog: null },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(connected.map(({ channel }) => channel.close?.()))
    },
  }
}
