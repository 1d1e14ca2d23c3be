/** The adapters that `CHANNEL_PROVIDER` can name. Each is loaded only when it is named. */
import type { ChannelRegistration } from './channels/channels.types.ts'
import { registerChannel } from './channels/register-channel.ts'

export const CHANNEL_ADAPTERS: readonly ChannelRegistration[] = [
  registerChannel('bluesky', {
    settings: {
      BSKY_CHAT_HANDLE: { describe: 'handle (or DID) of the account that the agent has on Bluesky' },
      BSKY_CHAT_APP_PASSWORD: {
        describe: 'app password of that account, with access to direct messages',
        secret: true,
      },
      BSKY_CHAT_SERVICE: { describe: 'DID of the chat service, when it is not `did:web:api.bsky.chat`' },
      BSKY_PDS_URL: { describe: "address of the account's server, when its handle cannot be looked up" },
    },
    load: async () => (await import('./channels/bluesky/bluesky.ts')).createBlueskyChannel,
  }),
  registerChannel('telegram', {
    settings: { TELEGRAM_BOT_TOKEN: { describe: 'token of the Telegram bot, from @BotFather', secret: true } },
    load: async () => (await import('./channels/telegram/telegram.ts')).createTelegramChannel,
  }),
  registerChannel('gateway', {
    settings: { GATEWAY_PORT: { describe: 'port on 127.0.0.1 where other programs of yours reach the node; 42617' } },
    load: async () => (await import('./channels/gateway/gateway.ts')).createGatewayChannel,
  }),
]
