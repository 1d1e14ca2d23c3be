/**
 * What is read of the service's answers. Its lexicons change often, and a log with one new kind of event must not stop
 * the channel: what is not known here is passed over.
 */
import { z } from 'zod'

const DEFS = 'chat.bsky.convo.defs'

const messageSchema = z.object({
  id: z.string(),
  rev: z.string(),
  text: z.string(),
  sender: z.object({ did: z.string() }),
  replyTo: z.object({ id: z.string() }).optional().catch(undefined),
})
export type ChatMessage = z.output<typeof messageSchema>

const messageViewSchema = messageSchema.extend({ $type: z.literal(`${DEFS}#messageView`) })

/** Of the items those that have the shape; null for the others. */
const orNull = <T>(schema: z.ZodType<T>) => schema.nullable().catch(null)

export const messagePageSchema = z.object({
  messages: z.array(orNull(messageViewSchema)),
  cursor: z.string().optional(),
})

const createEventSchema = z.object({
  $type: z.literal(`${DEFS}#logCreateMessage`),
  convoId: z.string(),
  message: messageViewSchema,
})
export type CreateEvent = z.output<typeof createEventSchema>

export const logPageSchema = z.object({ logs: z.array(orNull(createEventSchema)), cursor: z.string().optional() })

const convoSchema = z.object({
  id: z.string(),
  members: z.array(z.object({ did: z.string() })),
  status: z.string().optional(),
  /** Absent where group chats do not exist yet. */
  kind: z.object({ $type: z.string() }).optional(),
})
export const convoAnswerSchema = z.object({ convo: convoSchema })

export const sentMessageSchema = messageSchema
export const statusSchema = z.object({ chatDisabled: z.boolean() })

export type Convo = {
  readonly id: string
  /** The only other member; null for a group, and for what may be one. */
  readonly partner: string | null
  readonly isRequest: boolean
}

/** `self`: the account that looks at it. */
export const toConvo = ({ id, members, status, kind }: z.output<typeof convoSchema>, self: string): Convo => {
  const others = members.filter(({ did }) => did !== self)
  const isDirect = (kind === undefined || kind.$type === `${DEFS}#directConvo`) && members.length === 2
  return { id, partner: (isDirect && others.length === 1 && others[0]?.did) || null, isRequest: status === 'request' }
}
