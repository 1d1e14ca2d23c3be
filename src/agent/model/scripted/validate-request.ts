/**
 * The checks of the Messages API that a schema cannot say: how tool calls, results and cache marks hang together over
 * the conversation. A history that would be refused by the real service is refused here with a sentence of the same
 * meaning, so that a fault of the loop shows in a test and not in front of the owner.
 */
import type { z } from 'zod'
import {
  countTokensRequestSchema,
  type MessagesRequest,
  messagesRequestSchema,
  type RequestBlock,
  type RequestMessage,
} from './messages-api.schemas.ts'

const CACHE_MARKS_MAX = 4

export type Validation =
  { readonly ok: true; readonly request: MessagesRequest } | { readonly ok: false; readonly message: string }

type Rules = {
  readonly counting: boolean
  /** Whether this twin signed the thinking block. */
  readonly isSigned: (thinking: string, signature: string) => boolean
}

/** Checks a body of `/v1/messages`, or of `/v1/messages/count_tokens` when `counting`. */
export const validateRequest = (body: unknown, { counting, isSigned }: Rules): Validation => {
  const parsed = counting
    ? countTokensRequestSchema.transform((counted) => ({ ...counted, max_tokens: 1 })).safeParse(body)
    : messagesRequestSchema.safeParse(body)
  if (!parsed.success) return { ok: false, message: firstIssue(parsed.error, body) }
  const request: MessagesRequest = parsed.data
  const message =
    toolNameFault(request) ??
    cacheMarkFault(request) ??
    conversationFault(request.messages) ??
    signatureFault(request.messages, isSigned)
  return message === null ? { ok: true, request } : { ok: false, message }
}

const firstIssue = (error: z.ZodError, body: unknown): string => {
  const issue = error.issues[0]
  if (!issue) return 'Invalid request'
  if (issue.code === 'unrecognized_keys') {
    return `${[...issue.path, issue.keys[0]].join('.')}: Extra inputs are not permitted`
  }
  const missing = issue.code === 'invalid_type' && valueAt(body, issue.path) === undefined
  return [issue.path.join('.'), missing ? 'Field required' : issue.message].filter(Boolean).join(': ')
}

const valueAt = (body: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((value, key) => (value instanceof Object ? Reflect.get(value, key) : undefined), body)

const toolNameFault = ({ tools = [] }: MessagesRequest): string | null =>
  new Set(tools.map((tool) => tool.name)).size < tools.length ? 'tools: Tool names must be unique.' : null

const cacheMarkFault = (request: MessagesRequest): string | null => {
  const system = typeof request.system === 'string' ? [] : (request.system ?? [])
  const blocks = request.messages.flatMap((message): readonly RequestBlock[] => message.content)
  const marks = [request, ...(request.tools ?? []), ...system, ...blocks].filter(
    (place) => 'cache_control' in place && place.cache_control !== undefined,
  ).length
  if (marks <= CACHE_MARKS_MAX) return null
  return `A maximum of ${CACHE_MARKS_MAX} blocks with cache_control may be provided. Found ${marks}.`
}

const conversationFault = (messages: readonly RequestMessage[]): string | null => {
  if (messages[0]?.role !== 'user') return 'messages: first message must use the "user" role'
  const seen = new Set<string>()
  for (const [index, message] of messages.entries()) {
    const last = index === messages.length - 1
    if (message.content.length === 0 && !(last && message.role === 'assistant')) {
      return `messages.${index}: all messages must have non-empty content except for the optional final assistant message`
    }
    for (const id of toolUseIds(message)) {
      if (seen.has(id)) return `messages.${index}: \`tool_use\` ids must be unique: ${id}`
      seen.add(id)
    }
    const fault = unansweredFault(messages, index) ?? resultFault(messages, index)
    if (fault !== null) return fault
  }
  return null
}

const unansweredFault = (messages: readonly RequestMessage[], index: number): string | null => {
  const results = new Set(toolResultIds(messages[index + 1]))
  const unanswered = toolUseIds(messages[index]).filter((id) => !results.has(id))
  if (unanswered.length === 0) return null
  return `messages.${index + 1}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${unanswered.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`
}

const resultFault = (messages: readonly RequestMessage[], index: number): string | null => {
  const ids = toolResultIds(messages[index])
  const asked = new Set(toolUseIds(messages[index - 1]))
  const orphan = ids.find((id) => !asked.has(id))
  if (orphan !== undefined) {
    return `messages.${index}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${orphan}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`
  }
  const twice = ids.find((id, position) => ids.indexOf(id) !== position)
  if (twice !== undefined) return `messages.${index}: each tool_use must have a single result. Found multiple: ${twice}`
  const late = messages[index]?.content.slice(0, ids.length).some((block) => block.type !== 'tool_result')
  return late ? `messages.${index}: \`tool_result\` blocks must come before any other content` : null
}

const signatureFault = (messages: readonly RequestMessage[], isSigned: Rules['isSigned']): string | null => {
  for (const [index, message] of messages.entries()) {
    for (const [position, block] of message.content.entries()) {
      if (block.type === 'thinking' && !isSigned(block.thinking, block.signature)) {
        return `messages.${index}.content.${position}: Invalid \`signature\` in \`thinking\` block`
      }
    }
  }
  return null
}

const toolUseIds = (message: RequestMessage | undefined): readonly string[] =>
  (message?.content ?? []).flatMap((block) => (block.type === 'tool_use' ? [block.id] : []))

const toolResultIds = (message: RequestMessage | undefined): readonly string[] =>
  (message?.content ?? []).flatMap((block) => (block.type === 'tool_result' ? [block.tool_use_id] : []))
