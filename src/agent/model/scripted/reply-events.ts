import type { StopReason } from '../model.types.ts'

/** A reply's block with its id or signature. `json` is the text of a tool's input. */
export type SignedBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature: string }
  | {
      readonly type: 'tool_use'
      readonly id: string
      readonly name: string
      readonly input: Readonly<Record<string, unknown>>
      readonly json: string
    }

export type SignedReply = {
  readonly id: string
  readonly model: string
  readonly content: readonly SignedBlock[]
  readonly stopReason: StopReason
  readonly inputTokens: number
  readonly outputTokens: number
}

type ReplyEvent = { readonly type: string; readonly [field: string]: unknown }

/** One delta: a sentence arrives in parts of 24 characters. Flag u counts code points, so none is cut in two. */
const DELTA = /[\s\S]{1,24}/gu

/** The message as an answer that is not streamed. */
export const replyMessage = (reply: SignedReply): ReplyEvent => ({
  ...emptyMessage(reply),
  content: reply.content.map((block) => (block.type === 'tool_use' ? withoutJson(block) : block)),
  ...ending(reply),
  usage: { ...usage(reply), output_tokens: reply.outputTokens },
})

/** The message as events, in the order in which the API sends them. */
export const replyEvents = (reply: SignedReply): readonly ReplyEvent[] => [
  { type: 'message_start', message: emptyMessage(reply) },
  ...reply.content.flatMap(blockEvents),
  { type: 'message_delta', delta: ending(reply), usage: { output_tokens: reply.outputTokens } },
  { type: 'message_stop' },
]

/** One event in the wire format of server-sent events. */
export const eventFrame = (event: ReplyEvent): string => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`

const emptyMessage = (reply: SignedReply): ReplyEvent => ({
  id: reply.id,
  type: 'message',
  role: 'assistant',
  model: reply.model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
  stop_details: null,
  usage: usage(reply),
})

const usage = (reply: SignedReply) => ({
  input_tokens: reply.inputTokens,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 1,
})

const ending = (reply: SignedReply) => ({
  stop_reason: reply.stopReason,
  stop_sequence: null,
  stop_details:
    reply.stopReason === 'refusal' ? { type: 'refusal', category: null, explanation: 'scripted refusal' } : null,
})

const blockEvents = (block: SignedBlock, index: number): readonly ReplyEvent[] => [
  { type: 'content_block_start', index, content_block: emptyBlock(block) },
  ...(index === 0 ? [{ type: 'ping' }] : []),
  ...blockDeltas(block).map((delta) => ({ type: 'content_block_delta', index, delta })),
  { type: 'content_block_stop', index },
]

const emptyBlock = (block: SignedBlock) => {
  if (block.type === 'text') return { type: 'text', text: '', citations: null }
  if (block.type === 'thinking') return { type: 'thinking', thinking: '', signature: '' }
  return { type: 'tool_use', id: block.id, name: block.name, input: {}, caller: { type: 'direct' } }
}

const blockDeltas = (block: SignedBlock) => {
  if (block.type === 'text') return parts(block.text).map((text) => ({ type: 'text_delta', text }))
  if (block.type === 'thinking') {
    return [
      ...parts(block.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })),
      { type: 'signature_delta', signature: block.signature },
    ]
  }
  // The API opens a tool's input with an empty delta.
  return ['', ...parts(block.json)].map((partial) => ({ type: 'input_json_delta', partial_json: partial }))
}

const parts = (text: string): readonly string[] => text.match(DELTA) ?? []

const withoutJson = ({ json: _, ...block }: Extract<SignedBlock, { type: 'tool_use' }>) => block
