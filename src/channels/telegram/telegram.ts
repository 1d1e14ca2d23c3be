/**
 * Telegram, as a bot in a private chat. The service keeps what was written for 24 hours and hands it out from an offset;
 * asking from an offset makes it forget everything before, and the core asks only when that is stored. The Bot API has
 * neither a key against repeats nor a way to look at what was sent, so a repeat is one of the core's marked ones.
 *
 * Only private chats: in a group the answer would be read by others. Commands such as `/stop` need nothing here.
 */
import { z } from 'zod'
import { ChannelError } from '../channel-error.ts'
import type { Channel, ChannelCapabilities, ChannelCheck, ChannelFactory } from '../channels.types.ts'
import { parseSettings } from '../register-channel.ts'
import { meSchema, messageId, sentSchema, webhookSchema } from './telegram.schemas.ts'
import { createTelegramApi, type TelegramApi } from './telegram-api.ts'
import { pollUpdates } from './telegram-updates.ts'

const API_URL = 'https://api.telegram.org'
const FAULT_MEND = 'wait a little, look whether this machine reaches https://api.telegram.org, and run doctor again'
const WEBHOOK_MEND =
  'another program receives this bot’s messages by a webhook: make a bot for this node alone with @BotFather'
const SEEN = '👀'

/**
 * The Bot API takes 4,096 UTF-16 units. A text has never more of those than bytes, and never fewer than graphemes: both
 * limits together keep it, at the price of smaller parts in other scripts than Latin.
 */
const UNITS_MAX = 4096
const CAPABILITIES: ChannelCapabilities = {
  ...{ graphemesMax: UNITS_MAX, bytesMax: UNITS_MAX, markdown: false, links: true, files: true, reactions: true },
  ...{ replyTo: true, edit: false, idempotencyKey: false },
}

const settingsSchema = z.object({
  TELEGRAM_BOT_TOKEN: z.string().regex(/^\d{1,20}:[\w-]{30,100}$/, 'is not a token of @BotFather (123456:ABC...)'),
})

/** `apiUrl`: a Bot API server of one's own, or of a test. */
export const createTelegramFactory =
  ({ apiUrl = API_URL }: { readonly apiUrl?: string } = {}): ChannelFactory =>
  ({ settings: given, clock, timing }) => {
    const parsed = parseSettings(settingsSchema, given)
    if ('missing' in parsed) return parsed
    const token = parsed.settings.TELEGRAM_BOT_TOKEN
    const [botId] = token.split(':')
    const api = createTelegramApi({ apiUrl, token })
    const done = z.literal(true)
    const react = async (id: string, emoji: string): Promise<void> => {
      const reaction = [{ type: 'emoji', emoji }]
      await api.call('setMessageReaction', { params: { ...addressOf(id), reaction }, result: done })
    }

    const channel: Channel = {
      name: 'telegram',
      capabilities: CAPABILITIES,
      identity: () => ({ id: `telegram:${botId}` }),
      poll: (from) => pollUpdates({ api, clock, timing }, from),
      send: async ({ to, replyTo, text }, signal) => {
        const params = {
          chat_id: chatOf(to),
          text,
          link_preview_options: { is_disabled: true },
          ...(replyTo !== null && {
            reply_parameters: { message_id: addressOf(replyTo).message_id, allow_sending_without_reply: true },
          }),
        }
        const sent = await api.call('sendMessage', { params, result: sentSchema, signal })
        return { id: messageId(sent) }
      },
      ack: (id) => react(id, SEEN),
      react,
      typing: async (replyTo) => {
        const params = { chat_id: addressOf(replyTo).chat_id, action: 'typing' }
        await api.call('sendChatAction', { params, result: done })
      },
      examine: (signal) => examine(api, signal),
    }
    return channel
  }

export const createTelegramChannel: ChannelFactory = createTelegramFactory()

/** From an id that the poll has made. */
const addressOf = (id: string): { readonly chat_id: number; readonly message_id: number } => {
  const [chat, message] = id.split(':').map(Number)
  if (!Number.isSafeInteger(chat) || !Number.isSafeInteger(message))
    throw new ChannelError('rejected', 'this is not a message of Telegram')
  return { chat_id: Number(chat), message_id: Number(message) }
}

const chatOf = (subject: string): number => {
  const [, id] = /^telegram:(\d{1,15})$/.exec(subject) ?? []
  if (id === undefined) throw new ChannelError('rejected', `${subject} is nobody on Telegram`)
  return Number(id)
}

/** Never rejects: a fault is what it finds. */
const examine = async (api: TelegramApi, signal: AbortSignal): Promise<readonly ChannelCheck[]> => {
  try {
    const { username } = await api.call('getMe', { result: meSchema, signal })
    const { url } = await api.call('getWebhookInfo', { result: webhookSchema, signal })
    const isTaken = url !== ''
    return [
      { state: 'ok', detail: `signed in as @${username}`, mend: null },
      ...(isTaken ? [{ state: 'fail', detail: 'a webhook takes the messages away', mend: WEBHOOK_MEND } as const] : []),
    ]
  } catch (error) {
    const mend = error instanceof ChannelError ? error.hint : null
    const detail = error instanceof Error ? error.message : String(error)
    return [{ state: 'fail', detail, mend: mend ?? FAULT_MEND }]
  }
}
