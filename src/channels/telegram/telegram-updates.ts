/** What was written to the bot, from the offset where the last look ended. */
import type { z } from 'zod'
import type { Clock } from '../../utils/clock.ts'
import type { Timing } from '../../utils/timing.ts'
import { ChannelError } from '../channel-error.ts'
import type { IncomingAttachment, IncomingBatch, IncomingMessage } from '../channels.types.ts'
import { messageId, messageSchema, type TelegramMessage, updatesSchema } from './telegram.schemas.ts'
import type { TelegramApi } from './telegram-api.ts'

/** How long the service holds a request when nothing is there. Below the half minute after which proxies cut a silence. */
const POLL_SECONDS = 25
/** The most that the Bot API hands out at once. */
const UPDATES_MAX = 100
/** When an answer was too large to be taken, so many times fewer are asked for. */
const UPDATES_DIVISOR = 10
/** Between two empty answers: one that comes at once, from whatever is in between, must not make a busy loop. */
const EMPTY_PAUSE_MS = 1000
/** After a week without updates the service numbers from anywhere; an offset of before would then drop what is new. */
const OFFSET_LIFE_MS = 6 * 24 * 60 * 60_000
/** What the owner may send that has no words and is not fetched. */
const UNREAD_KINDS = ['voice', 'audio', 'video', 'video_note', 'sticker', 'location', 'contact', 'poll'] as const

type Ports = { readonly api: TelegramApi; readonly clock: Clock; readonly timing: Timing }

/** As `Channel.poll`. */
export const pollUpdates = async function* (
  { api, clock, timing }: Ports,
  { cursor, signal }: { readonly cursor: string | null; readonly signal: AbortSignal },
): AsyncGenerator<IncomingBatch> {
  let place = parseCursor(cursor)
  let isFirst = true
  while (!signal.aborted) {
    const isFresh = place !== null && clock.now() - place.at < OFFSET_LIFE_MS
    const updates = await look(api, isFresh ? place : null, { seconds: isFirst ? 0 : POLL_SECONDS, signal })
    if (updates === null) return
    const newest = updates.at(-1)
    if (newest) place = { offset: newest.update_id + 1, at: clock.now() }
    yield toBatch(api, updates, place) // also when it is empty: it shows that the service still answers
    if (!newest && !isFirst) await timing.wait(EMPTY_PAUSE_MS, signal)
    // Only the first one is answered at once: it shows soon whether the token is good and nobody else asks.
    isFirst = false
  }
}

type Updates = z.output<typeof updatesSchema>

/** null when it was given up. @throws {ChannelError} */
const look = async (
  api: TelegramApi,
  place: Place | null,
  options: { readonly seconds: number; readonly signal: AbortSignal; readonly limit?: number },
): Promise<Updates | null> => {
  const { seconds, signal, limit = UPDATES_MAX } = options
  const from = place === null ? {} : { offset: place.offset }
  const params = { ...from, timeout: seconds, limit, allowed_updates: ['message'] }
  try {
    return await api.call('getUpdates', { params, result: updatesSchema, signal, waitMs: seconds * 1000 })
  } catch (error) {
    if (signal.aborted) return null
    // Anyone can write to a bot, and what they wrote lies before what its owner did.
    const isTooLarge = error instanceof ChannelError && error.fault === 'rejected'
    if (isTooLarge && limit > 1) return look(api, place, { ...options, limit: Math.ceil(limit / UPDATES_DIVISOR) })
    throw error
  }
}

/** Where to go on, and when that was so. */
type Place = { readonly offset: number; readonly at: number }

const parseCursor = (cursor: string | null): Place | null => {
  const [, offset, at] = /^(\d+)@(\d+)$/.exec(cursor ?? '') ?? []
  return offset === undefined ? null : { offset: Number(offset), at: Number(at) }
}

const toBatch = (api: TelegramApi, updates: Updates, place: Place | null): IncomingBatch => ({
  cursor: place && `${place.offset}@${place.at}`,
  messages: updates.flatMap((update) => {
    const parsed = messageSchema.safeParse(update['message'])
    const message = parsed.success ? toIncoming(api, parsed.data) : null
    return message ? [message] : []
  }),
})

/** null for what nobody wrote to the bot alone: groups, other bots, notices of the service. */
const toIncoming = (api: TelegramApi, message: TelegramMessage): IncomingMessage | null => {
  const { chat, from, caption, text = caption, forward_origin: isForwarded } = message
  if (chat.type !== 'private' || !from || from.is_bot || from.id !== chat.id) return null
  const files = filesOf(api, message)
  const unread = UNREAD_KINDS.find((kind) => message[kind] !== undefined)
  if (text === undefined && files.length === 0 && unread === undefined) return null
  const said = text ?? (unread === undefined ? '' : `(a ${unread.replace('_', ' ')}, which I cannot read here)`)
  const who = { id: messageId(message), senderId: `telegram:${from.id}` }
  if (!isForwarded || text === undefined) return { ...who, text: said, attachments: files }
  return { ...who, text: '(forwarded, see the files)', attachments: [forwardedWords(text), ...files] }
}

const filesOf = (api: TelegramApi, { document, photo }: TelegramMessage): readonly IncomingAttachment[] =>
  [...(document ? [document] : []), ...(photo?.slice(-1) ?? [])].map((file) => {
    const isDocument = file === document
    return {
      name: (isDocument && document.file_name) || `photo-${file.file_unique_id}.jpg`,
      mime: isDocument ? (document.mime_type ?? 'application/octet-stream') : 'image/jpeg',
      read: ({ bytesMax, signal }) => api.download(file.file_id, { bytesMax, signal }),
    }
  })

/** Perhaps somebody else's: as a file they steer nothing, name no hosts in the owner's name, and taint whoever reads them. */
const forwardedWords = (text: string): IncomingAttachment => ({
  name: 'forwarded.txt',
  mime: 'text/plain',
  read: async () => Buffer.from(text), // the service bounds a message at 4,096 characters
})
