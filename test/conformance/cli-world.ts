/** The local channel in the hands of the suite: its owner sits at a terminal and reads what it prints. */
import type { ChannelProgress } from '../../src/channels/channels.types.ts'
import { type CliChannel, createCliChannel } from '../../src/channels/cli/cli.ts'
import type { ChannelWorld } from './channel.types.ts'

export const createCliWorld = (): ChannelWorld => {
  const seen: string[] = []
  const listeners = new Set<() => void>()
  let cli: CliChannel | null = null
  let messages = 0
  const show = (text: string) => {
    seen.push(text)
    for (const listener of listeners) listener()
    listeners.clear()
  }
  const showLate = (event: ChannelProgress) => {
    if (event.kind === 'late-reply') show(event.repeat ? `(repeat) ${event.text}` : event.text)
  }
  return {
    ownerId: null,
    connect: () => {
      cli = createCliChannel()
      return cli
    },
    write: async (text) => {
      let hasJoined = false // the message that it joined shows the reply of both
      const onProgress = (event: ChannelProgress) => {
        if (event.kind === 'joined') hasJoined = true
        showLate(event)
      }
      void cli?.say({ messageId: `m${++messages}`, text }, onProgress).then((reply) => {
        if (!hasJoined) show(reply)
      })
    },
    seen: () => seen,
    sees: async (count) => {
      while (seen.length < count) await new Promise<void>((resolve) => listeners.add(resolve))
    },
    ...{ stranger: null, fail: null, redeliver: null, backlog: null },
    [Symbol.asyncDispose]: async () => {},
  }
}
