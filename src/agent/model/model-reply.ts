import { z } from 'zod'
import { describeIssues } from '../../utils/describe-issues.ts'
import { ModelError, type ModelReply, type ModelUsage, STOP_REASONS } from './model.types.ts'

/** Levels that a tool's input may nest: no tool needs five, and SQLite's JSON ends at 1,000. */
const INPUT_DEPTH_MAX = 64
/** Characters of one tool input, as JSON: the largest write, with room for escapes. */
const INPUT_CHARACTERS_MAX = 8_000_000

/** Far above any context; a sum of larger ones would not fit the ledger's integers. */
const TOKENS_MAX = 1_000_000_000
const tokensSchema = z.int().min(0).max(TOKENS_MAX)

// What the service itself issues and accepts back; anything else would be refused with the whole history, for ever.
const toolIdSchema = z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/)

const usageSchema = z
  .object({
    input_tokens: tokensSchema,
    output_tokens: tokensSchema,
    // Servers without a cache leave these out or send null.
    cache_read_input_tokens: tokensSchema.nullish(),
    cache_creation_input_tokens: tokensSchema.nullish(),
  })
  .transform((usage): ModelUsage => ({
    inputTokens: usage.input_tokens,
    outputTokens: usage.output_tokens,
    cacheReadTokens: usage.cache_read_input_tokens ?? 0,
    cacheWriteTokens: usage.cache_creation_input_tokens ?? 0,
  }))

// Thinking is loose: the service checks its signature when the block comes back, so no field of it may be lost.
const blockSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({
    type: z.literal('tool_use'),
    id: toolIdSchema,
    name: toolIdSchema,
    input: z
      .record(z.string(), z.unknown())
      .refine((input) => !isDeeperThan(input, INPUT_DEPTH_MAX), `nests deeper than ${INPUT_DEPTH_MAX}`),
  }),
  z.looseObject({ type: z.literal('thinking') }).refine((block) => !isDeeperThan(block, INPUT_DEPTH_MAX)),
  z.looseObject({ type: z.literal('redacted_thinking') }).refine((block) => !isDeeperThan(block, INPUT_DEPTH_MAX)),
])

const replySchema = z.object({
  id: z.string().min(1),
  model: z.string().min(1),
  content: z.array(blockSchema),
  stop_reason: z.enum(STOP_REASONS),
  usage: usageSchema,
})

const isDeeperThan = (value: unknown, levels: number): boolean =>
  value !== null &&
  typeof value === 'object' &&
  (levels === 0 || Object.values(value).some((member) => isDeeperThan(member, levels - 1)))

/** A message as the SDK assembled it, before anything in it is believed. */
export type RawMessage = {
  readonly content: readonly { readonly type: string }[]
  readonly stop_reason: string | null
  readonly [field: string]: unknown
}

/** Token counts of a `message_start` event; null when they do not parse. */
export const parseUsage = (raw: unknown): ModelUsage | null => usageSchema.safeParse(raw).data ?? null

export const parseTokens = (raw: unknown): number | null => tokensSchema.safeParse(raw).data ?? null

/**
 * Parses an assembled message. `toolJson` holds the JSON text of tool inputs by block position as it was streamed: the
 * SDK completes cut JSON by itself, which would turn half a command into a whole one.
 * @throws {ModelError} `malformed`
 */
export const parseModelReply = (message: RawMessage, toolJson: ReadonlyMap<number, string>): ModelReply => {
  const cut = message.stop_reason === 'max_tokens'
  const content = message.content.map((block, position) => {
    const json = toolJson.get(position)
    return json ? { ...withoutInput(block), input: parseToolJson(json, cut) } : block
  })
  const parsed = replySchema.safeParse({ ...message, content })
  if (!parsed.success) {
    throw new ModelError('malformed', `the model's answer does not parse: ${describeIssues(parsed.error)}`)
  }
  const reply = parsed.data
  const toolIds = reply.content.flatMap((block) => (block.type === 'tool_use' ? [block.id] : []))
  if (new Set(toolIds).size < toolIds.length) throw new ModelError('malformed', 'two tool calls have the same id')
  return {
    id: reply.id,
    model: reply.model,
    // A text block without visible text is refused by the service when it is sent back.
    content: reply.content.filter((block) => block.type !== 'text' || block.text.trim() !== ''),
    stopReason: reply.stop_reason,
    usage: reply.usage,
  }
}

/** The SDK's `input` is a getter that parses and may throw, so it is not even read. */
const withoutInput = (block: { readonly type: string; readonly id?: unknown; readonly name?: unknown }) => ({
  type: block.type,
  id: block.id,
  name: block.name,
})

/** At the output limit a cut call is expected and its stop reason keeps it from running; elsewhere it is a fault. */
const parseToolJson = (json: string, cut: boolean): unknown => {
  if (json.length > INPUT_CHARACTERS_MAX) throw new ModelError('malformed', "a tool call's input is too long")
  try {
    return JSON.parse(json)
  } catch (cause) {
    if (cut) return {}
    throw new ModelError('malformed', "a tool call's input is not JSON", { cause })
  }
}
