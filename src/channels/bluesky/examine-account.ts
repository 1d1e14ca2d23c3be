/** What `doctor` asks of the account, in the order in which one thing needs the other. It changes nothing there. */
import type { ChannelCheck } from '../channels.types.ts'
import { toBlueskyFault } from './bluesky-faults.ts'
import type { ChatClient } from './chat-client.ts'
import type { Reachability } from './reachability.ts'

export type Examined = {
  readonly client: ChatClient
  readonly reachability: Reachability
  readonly owners: () => readonly string[]
}

/** Stops at the first fault: what comes after it would only repeat it. Does not reject. */
export const examineAccount = async (parts: Examined, signal: AbortSignal): Promise<readonly ChannelCheck[]> => {
  const { client, reachability, owners } = parts
  const ok = (detail: string): ChannelCheck => ({ state: 'ok', detail, mend: null })
  const steps: readonly (() => Promise<ChannelCheck>)[] = [
    async () => ok(`logged in as ${await client.self()}`),
    async () => {
      await client.log(null, signal)
      return ok('may read and write direct messages')
    },
    async () => {
      const allowed = await reachability.look(signal)
      if (allowed === null) return ok('takes messages from its owner, and joins no groups')
      const detail = `who may write to the agent is ${JSON.stringify(allowed)}`
      return { state: 'warn', detail, mend: "nothing: 'plaited start' sets it to the people that the agent follows" }
    },
    async () => {
      for (const owner of owners()) await client.convoWith(owner)
      return ok('may write to its owner')
    },
  ]
  const checks: ChannelCheck[] = []
  for (const look of steps) {
    try {
      checks.push(await look())
    } catch (error) {
      const { message, hint } = toBlueskyFault(error)
      return [...checks, { state: 'fail', detail: message, mend: hint ?? 'wait a little, and run doctor again' }]
    }
  }
  return checks
}
