/** Telegram in the hands of the suite: the adapter over a Bot API server of the test. */
import type { Channel, ChannelEnvironment } from '../../src/channels/channels.types.ts'
import { createTelegramFactory } from '../../src/channels/telegram/telegram.ts'
import { startTelegramServer, TOKEN } from '../fixtures/telegram/server.ts'
import type { ChannelWorld } from './channel.types.ts'

const OWNER = 42
const STRANGER = 66
const NOBODY_LISTENS = 'http://127.0.0.1:1'

/** What the node would hand to the adapter. */
export const telegramEnvironment = (ports: Partial<ChannelEnvironment> = {}): ChannelEnvironment => ({
  settings: { TELEGRAM_BOT_TOKEN: TOKEN },
  ownerId: `telegram:${OWNER}`,
  store: { get: () => null, set: () => {} },
  links: { add: () => {}, remove: () => {}, list: () => [] },
  clock: { now: () => 1_800_000_000_000 },
  timing: { random: () => 0, wait: () => new Promise((resolve) => setImmediate(resolve)) },
  announce: () => {},
  ...ports,
})

/** @throws {Error} naming what is missing. */
export const connectTelegram = (apiUrl: string, ports: Partial<ChannelEnvironment> = {}): Channel => {
  const made = createTelegramFactory({ apiUrl })(telegramEnvironment(ports))
  if ('missing' in made) throw new Error(made.missing.join('; '))
  return made
}

export const createTelegramWorld = (): ChannelWorld => {
  const server = startTelegramServer()
  const seenBy = (chat: number) => server.sent.flatMap(({ chatId, text }) => (chatId === chat ? [text] : []))
  const writeAs = (from: number) => async (text: string) => server.write(from, text)
  /** Sends that find nobody who listens. */
  let unreachable = 0
  return {
    ownerId: `telegram:${OWNER}`,
    connect: ({ timing }) => {
      const channel = connectTelegram(server.url, { timing })
      const nowhere = connectTelegram(NOBODY_LISTENS, { timing })
      return { ...channel, send: (...sent) => (unreachable-- > 0 ? nowhere : channel).send(...sent) }
    },
    write: writeAs(OWNER),
    seen: () => seenBy(OWNER),
    sees: async (count) => {
      while (seenBy(OWNER).length < count) await server.change()
    },
    stranger: { write: writeAs(STRANGER), seen: () => seenBy(STRANGER) },
    fail: (what, fault, times) => {
      if (what === 'send' && fault === 'unreachable') unreachable = times
      else server.fail(what === 'poll' ? 'getUpdates' : 'sendMessage', fault, times)
    },
    redeliver: server.redeliver,
    backlog: async (texts) => {
      for (const text of texts) server.write(OWNER, text)
    },
    [Symbol.asyncDispose]: server.close,
  }
}
