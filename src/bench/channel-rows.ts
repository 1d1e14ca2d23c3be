/** A node with Bluesky: how soon it has what its owner wrote, and what it holds while nobody writes. */
import { join } from 'node:path'
import type { Measurement } from './bench.types.ts'
import { startChatStandIn } from './chat-stand-in.ts'
import { PROJECT, residentMb, startService } from './child-process.ts'
import { createRow } from './create-row.ts'

const LAUNCHER = join(PROJECT, 'bin', 'plaited')
const MESSAGES = 5
/** Messages come at any moment between two polls, not right after one. */
const GAP_MS = 700
/** Lets the channel log in, and the node finish what it does behind its first answer. */
const SETTLE_MS = 2000

export const channelMeasurement: Measurement = {
  names: ['bluesky-idle-rss', 'bluesky-to-inbox'],
  take: async (lab) => {
    const { config } = await lab.home()
    const chat = startChatStandIn()
    try {
      const node = await startService(
        [LAUNCHER, 'start', '--json', '--home', config.home.root, '--model', 'scripted'],
        {
          environment: {
            ...{ PLAITED_PORT: '0', ...chat.environment },
            ...(config.dropTo && { PLAITED_SANDBOX_UID: `${config.dropTo.uid}:${config.dropTo.gid}` }),
          },
        },
      )
      try {
        await Bun.sleep(SETTLE_MS)
        const mb = residentMb(node.pid)
        const samples: number[] = []
        for (let message = 0; message < MESSAGES; message++) {
          lab.signal.throwIfAborted()
          await Bun.sleep(GAP_MS)
          samples.push(await chat.write())
        }
        return [
          createRow({
            name: 'bluesky-idle-rss',
            unit: 'MB',
            samples: [mb],
            goal: { valueMax: 120 },
            note: `of the node's own process with Bluesky configured, ${SETTLE_MS} ms after its start`,
          }),
          createRow({
            name: 'bluesky-to-inbox',
            unit: 'ms',
            samples,
            note: 'from the moment that the service has a message to the sign that it is stored; the log is asked every 2 s',
          }),
        ]
      } finally {
        await node.stop()
      }
    } finally {
      await chat.close()
    }
  },
}
