/** The suite of the port over Bluesky: the adapter against a real PDS, and a chat service that keeps to the real lexicons. */
import { afterAll } from 'bun:test'
import { describeChannel } from './conformance/channel.ts'
import { installNetwork, startNetwork } from './fixtures/atproto-network.ts'
import { createBlueskyWorld } from './fixtures/bluesky-world.ts'
import { describeWhen } from './helpers.ts'

const missing = await installNetwork()
const network = missing === null ? await startNetwork() : null
afterAll(() => network?.[Symbol.asyncDispose]())

describeWhen(network !== null, missing ?? '', 'Bluesky', () => {
  if (network) describeChannel('bluesky', () => createBlueskyWorld(network))
})
