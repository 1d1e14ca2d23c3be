import { z } from 'zod'

// Strict objects: the API answers 400 to a field that it does not know, so a twin that ignored one would hide a fault.
const cacheControlSchema = z.strictObject({ type: z.literal('ephemeral'), ttl: z.enum(['5m', '1h']).optional() })

const textSchema = z.strictObject({
  type: z.literal('text'),
  text: z.string().refine((text) => text.trim() !== '', 'text content blocks must contain non-whitespace text'),
  cache_control: cacheControlSchema.optional(),
})

const sourceSchema = <Types extends readonly [string, ...string[]]>(types: Types) =>
  z.strictObject({ type: z.literal('base64'), media_type: z.enum(types), data: z.base64().min(1) })

const imageSchema = z.strictObject({
  type: z.literal('image'),
  source: sourceSchema(['image/png', 'image/jpeg', 'image/gif', 'image/webp']),
})

const documentSchema = z.strictObject({ type: z.literal('document'), source: sourceSchema(['application/pdf']) })

const toolResultSchema = z.strictObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  content: z.union([z.string(), z.array(textSchema)]).optional(),
  is_error: z.boolean().optional(),
  cache_control: cacheControlSchema.optional(),
})

const toolUseSchema = z.strictObject({
  type: z.literal('tool_use'),
  id: z.string().regex(/^[a-zA-Z0-9_-]+$/),
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/),
  input: z.record(z.string(), z.unknown()),
  cache_control: cacheControlSchema.optional(),
})

const thinkingSchema = z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() })

const contentSchema = <T extends z.ZodType>(block: T) =>
  z.preprocess((content) => (typeof content === 'string' ? [{ type: 'text', text: content }] : content), z.array(block))

const messageSchema = z.discriminatedUnion('role', [
  z.strictObject({
    role: z.literal('user'),
    content: contentSchema(z.discriminatedUnion('type', [textSchema, imageSchema, documentSchema, toolResultSchema])),
  }),
  z.strictObject({
    role: z.literal('assistant'),
    content: contentSchema(z.discriminatedUnion('type', [textSchema, toolUseSchema, thinkingSchema])),
  }),
])

const toolSchema = z.strictObject({
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/),
  description: z.string().optional(),
  input_schema: z.looseObject({ type: z.literal('object') }),
  cache_control: cacheControlSchema.optional(),
})

/** The part of a request that counting tokens needs. */
export const countTokensRequestSchema = z.strictObject({
  model: z.string().min(1),
  system: z.union([z.string(), z.array(textSchema)]).optional(),
  tools: z.array(toolSchema).optional(),
  messages: z.array(messageSchema).min(1, 'at least one message is required'),
  cache_control: cacheControlSchema.optional(),
})

/** What `POST /v1/messages` accepts here: the part of the API that this node speaks, and nothing else. */
export const messagesRequestSchema = countTokensRequestSchema.extend({
  max_tokens: z.int().min(1),
  stream: z.boolean().optional(),
})

export type MessagesRequest = z.output<typeof messagesRequestSchema>
export type RequestMessage = MessagesRequest['messages'][number]
export type RequestBlock = RequestMessage['content'][number]
