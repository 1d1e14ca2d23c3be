/** Configuration -> channels: loads the adapters that are named, and hands each its own variables and its own memory. */
import type { ChannelMemory } from './agent/channel-memory.ts'
import type { LinkedIdentities } from './agent/linked-identities.ts'
import { CHANNEL_ADAPTERS } from './channel-adapters.ts'
import type { Channel, ChannelEnvironment, ChannelRegistration } from './channels/channels.types.ts'
import type { Config, Secrets } from './config.ts'
import { systemClock } from './utils/clock.ts'
import { NodeError } from './utils/node-error.ts'
import { systemTiming } from './utils/timing.ts'

/** What of the node an adapter may use. */
export type ChannelPorts = {
  readonly memory: Pick<ChannelMemory, 'get' | 'set'>
  readonly links: Pick<LinkedIdentities, 'add' | 'remove' | 'list'>
  readonly announce: (text: string) => void
}

type OpenedChannel =
  { readonly name: string; readonly channel: Channel } | { readonly name: string; readonly missing: readonly string[] }

type Settings = { readonly config: Config; readonly secrets: Secrets }

/** Every configured channel, or why it cannot be. Touches neither network nor disk besides loading code. */
export const openChannels = (
  settings: Settings,
  ports: ChannelPorts,
  adapters: readonly ChannelRegistration[] = CHANNEL_ADAPTERS,
): Promise<readonly OpenedChannel[]> =>
  Promise.all(
    adapters
      .filter(({ name }) => settings.config.channels.includes(name))
      .map(async (adapter) => {
        const factory = await adapter.load()
        const opened = factory(environmentFor(adapter, settings, ports))
        return 'missing' in opened ? { name: adapter.name, ...opened } : { name: adapter.name, channel: opened }
      }),
  )

/** @throws {NodeError} CONFIG_INVALID naming each variable that a configured channel lacks. */
export const requireChannels = async (
  settings: Settings,
  ports: ChannelPorts,
  adapters?: readonly ChannelRegistration[],
): Promise<readonly Channel[]> => {
  const opened = await openChannels(settings, ports, adapters)
  const missing = opened.flatMap((entry) => ('missing' in entry ? entry.missing : []))
  if (missing.length > 0) {
    throw new NodeError('CONFIG_INVALID', missing.join('; '), {
      hint: `set it in the environment or in ${settings.config.home.configFile}, or leave the channel out of CHANNEL_PROVIDER`,
    })
  }
  return opened.flatMap((entry) => ('channel' in entry ? [entry.channel] : []))
}

const environmentFor = (
  { name, settings: own }: ChannelRegistration,
  { config, secrets }: Settings,
  { memory, links, announce }: ChannelPorts,
): ChannelEnvironment => {
  const given = { ...config.channelSettings, ...secrets.channelSettings }
  return {
    settings: Object.fromEntries(Object.entries(given).filter(([variable]) => Object.hasOwn(own, variable))),
    ownerId: config.ownerId,
    store: { get: (key) => memory.get(name, key), set: (key, value) => memory.set(name, key, value) },
    links: {
      add: (senderId) => links.add(name, senderId),
      remove: (senderId) => void links.remove(name, senderId),
      list: () => links.list().flatMap((link) => (link.channel === name ? [link.senderId] : [])),
    },
    clock: systemClock,
    timing: systemTiming,
    announce,
  }
}
