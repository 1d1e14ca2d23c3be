/** What is read of the Bot API's answers (core.telegram.org/bots/api): the few fields that are used, and no more. */
import { z } from 'zod'

const file = z.object({
  file_id: z.string().max(512),
  file_unique_id: z.string().max(128),
  file_size: z.int().optional(),
})

/** Of what cannot be read here only this matters. */
const present = z.object({}).optional()

export const messageSchema = z.object({
  message_id: z.int(),
  chat: z.object({ id: z.int(), type: z.string() }),
  from: z.object({ id: z.int(), is_bot: z.boolean() }).optional(),
  text: z.string().optional(),
  caption: z.string().optional(),
  /** Somebody else may have written what it says. */
  forward_origin: z.object({ type: z.string() }).optional(),
  /** The same picture in several sizes, smallest first. */
  photo: z.array(file).optional(),
  document: file
    .extend({ file_name: z.string().max(1024).optional(), mime_type: z.string().max(256).optional() })
    .optional(),
  ...{ voice: present, audio: present, video: present, video_note: present, sticker: present },
  ...{ location: present, contact: present, poll: present },
})
export type TelegramMessage = z.output<typeof messageSchema>

/** One that is not understood must not hold up the ones behind it: what is in it is parsed one by one. */
export const updatesSchema = z.array(z.looseObject({ update_id: z.int() }))

/** Unique among all messages of the bot, and the way back to the message. */
export const messageId = ({
  chat,
  message_id,
}: {
  readonly chat: { readonly id: number }
  readonly message_id: number
}) => `${chat.id}:${message_id}`

export const sentSchema = z.object({ message_id: z.int(), chat: z.object({ id: z.int() }) })
export const fileSchema = z.object({
  file_path: z
    .string()
    .max(1024)
    // Kept to what names a file below the bot's own folder: it becomes part of an address.
    .regex(/^\w[\w.-]*(\/\w[\w.-]*)*$/)
    .optional(),
  file_size: z.int().optional(),
})
export const meSchema = z.object({ id: z.int(), username: z.string() })
export const webhookSchema = z.object({ url: z.string() })

/** Every answer of the Bot API, whatever its HTTP status. */
export const answerSchema = z.union([
  z.object({ ok: z.literal(true), result: z.unknown() }),
  z.object({
    ok: z.literal(false),
    error_code: z.int(),
    description: z.string().max(4096),
    parameters: z.object({ retry_after: z.int().nonnegative().optional() }).optional(),
  }),
])
export type Refusal = Extract<z.output<typeof answerSchema>, { ok: false }>
