/**
 * A node with Bluesky in a process of its own, against the model service of the test; it polls without the usual pauses,
 * and serves until it is killed. Its argument is a `BlueskyPlan`.
 */
import { createAnthropicModel } from '../src/agent/model/anthropic.ts'
import { createBlueskyChannel } from '../src/channels/bluesky/bluesky.ts'
import { registerChannel } from '../src/channels/register-channel.ts'
import { readConfig } from '../src/config.ts'
import { createNode } from '../src/node.ts'
import { requireChannels } from '../src/open-channels.ts'
import { systemTiming } from '../src/utils/timing.ts'

export type BlueskyPlan = {
  readonly home: string
  readonly modelUrl: string
  readonly bearer: string
  /** Variables of the channel. */
  readonly settings: Readonly<Record<string, string>>
}

const FREE = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }
/** Instead of two seconds. */
const PAUSE_MS = 10

const { home, modelUrl, bearer, settings } = JSON.parse(Bun.argv[2] ?? '') as BlueskyPlan
const configuration = readConfig({ home })
const timing = {
  ...systemTiming,
  wait: (ms: number, signal: AbortSignal) => systemTiming.wait(Math.min(ms, PAUSE_MS), signal),
}
const bluesky = registerChannel('bluesky', {
  settings: {},
  load: async () => (environment) => createBlueskyChannel({ ...environment, settings, timing }),
})
const node = await createNode({
  ...configuration,
  openChannels: (ports) => requireChannels(configuration, ports, [bluesky]),
  makeModel: async () =>
    createAnthropicModel({
      ...{ apiKey: bearer, baseUrl: modelUrl, dialect: 'anthropic', provider: 'anthropic', model: 'twin', price: FREE },
    }),
})
process.stdout.write('ready\n')
await node.serve(new AbortController().signal)
