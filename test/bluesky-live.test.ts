/**
 * A look at the real Bluesky with an account of your own, which is never part of a run by itself: set PLAITED_LIVE_BLUESKY=1
 * and the variables of the channel (BSKY_CHAT_HANDLE, BSKY_CHAT_APP_PASSWORD, OWNER_ID). It logs in, reads the end of the
 * log, and looks at what `doctor` looks at; it writes to nobody.
 */
import { expect, test } from 'bun:test'
import { createBlueskyChannel } from '../src/channels/bluesky/bluesky.ts'
import { systemClock } from '../src/utils/clock.ts'
import { systemTiming } from '../src/utils/timing.ts'
import { createMemoryStore } from './fixtures/bluesky-world.ts'
import { describeWhen } from './helpers.ts'

const NAMES = ['BSKY_CHAT_HANDLE', 'BSKY_CHAT_APP_PASSWORD', 'BSKY_CHAT_SERVICE', 'BSKY_PDS_URL']
const LOOK_TIME_MAX_MS = 60_000

const isAsked = Bun.env['PLAITED_LIVE_BLUESKY'] === '1'

describeWhen(isAsked, 'PLAITED_LIVE_BLUESKY is not 1, so no account is used', 'the real Bluesky', () => {
  test(
    'lets the agent in, and lets it read and write to its owner',
    async () => {
      const channel = createBlueskyChannel({
        settings: Object.fromEntries(NAMES.flatMap((name) => (Bun.env[name] ? [[name, Bun.env[name]]] : []))),
        ownerId: Bun.env['OWNER_ID']?.replace(/^did:/, 'atproto:did:') ?? null,
        ...{ store: createMemoryStore(), links: { add: () => {}, remove: () => {}, list: () => [] } },
        ...{ clock: systemClock, timing: systemTiming, announce: () => {} },
      })
      if ('missing' in channel) throw new Error(channel.missing.join('; '))
      const checks = await channel.examine?.(AbortSignal.timeout(LOOK_TIME_MAX_MS))
      expect(checks?.filter(({ state }) => state === 'fail')).toEqual([])
    },
    LOOK_TIME_MAX_MS,
  )
})
