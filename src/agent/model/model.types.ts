/** A content block as the Messages API speaks it; blocks we do not read (thinking) are kept and sent back untouched. */
export type TextBlock = { readonly type: 'text'; readonly text: string }
export type ToolUseBlock = {
  readonly type: 'tool_use'
  readonly id: string
  readonly name: string
  readonly input: Readonly<Record<string, unknown>>
}
export type ToolResultBlock = {
  readonly type: 'tool_result'
  readonly tool_use_id: string
  readonly content: string
  readonly is_error?: boolean
}
/** A picture or a PDF, for models that read them. */
export type MediaBlock = {
  readonly type: 'image' | 'document'
  readonly source: { readonly type: 'base64'; readonly media_type: string; readonly data: string }
}
export type OpaqueBlock = { readonly type: 'thinking' | 'redacted_thinking'; readonly [field: string]: unknown }

export type ModelMessage =
  | { readonly role: 'user'; readonly content: readonly (TextBlock | MediaBlock | ToolResultBlock)[] }
  | { readonly role: 'assistant'; readonly content: readonly (TextBlock | ToolUseBlock | OpaqueBlock)[] }

/** `inputSchema` is a JSON Schema object. */
export type ToolDefinition = {
  readonly name: string
  readonly description: string
  readonly inputSchema: { readonly type: 'object'; readonly [field: string]: unknown }
}

export type ModelRequest = {
  readonly system: string
  readonly tools: readonly ToolDefinition[]
  readonly messages: readonly ModelMessage[]
  readonly maxTokens: number
}

/** Token counts of one request as the service reported them. */
export type ModelUsage = {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWriteTokens: number
}

export const STOP_REASONS = [
  'end_turn',
  'max_tokens',
  'stop_sequence',
  'tool_use',
  'pause_turn',
  'refusal',
  'model_context_window_exceeded',
] as const

export type StopReason = (typeof STOP_REASONS)[number]

export type ModelReply = {
  readonly id: string
  readonly model: string
  readonly content: readonly (TextBlock | ToolUseBlock | OpaqueBlock)[]
  readonly stopReason: StopReason
  readonly usage: ModelUsage
}

/** Micro-dollars per million tokens, as integers. */
export type ModelPrice = {
  readonly input: number
  readonly output: number
  readonly cacheRead: number
  readonly cacheWrite: number
  /** A request with more input tokens than `aboveTokens` costs `factor` times as much, its answer included. */
  readonly longInput?: { readonly aboveTokens: number; readonly factor: number }
}

export type ModelFault =
  | 'unreachable' // no connection, reset, or end of stream without message_stop
  | 'silent' // nothing came for so long that nobody is there any more, before an answer or in the middle of it
  | 'overloaded' // 429, 529, 5xx, or an error event in the stream
  | 'rejected' // 400: the request itself
  | 'too-long' // 413, or a 400 that says so: the conversation does not fit into the model
  | 'unauthorized' // 401, 403
  | 'unpaid' // 402
  | 'malformed' // an answer that does not parse, cut tool JSON included unless stopReason `max_tokens` says why

/**
 * A fault of the model service. `usage` is what the service had reported until then, null when nothing had arrived;
 * `retryAfterMs` is how long it asked to be left alone, null when it named no time.
 */
export class ModelError extends Error {
  readonly fault: ModelFault
  readonly status: number | null
  readonly usage: ModelUsage | null
  readonly retryAfterMs: number | null
  constructor(
    fault: ModelFault,
    message: string,
    options: { status?: number; usage?: ModelUsage; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'ModelError'
    this.fault = fault
    this.status = options.status ?? null
    this.usage = options.usage ?? null
    this.retryAfterMs = options.retryAfterMs ?? null
  }
}

/**
 * A model service. Contract of `stream`: rejects with `ModelError`, or with the signal's reason when aborted.
 * `onText` receives text as it arrives, `onAborted` what a call had cost when it was aborted, if the service had begun to
 * answer; neither may throw.
 */
export type Model = {
  /** As shown to the owner: `anthropic:claude-sonnet-5-5`, `scripted`. */
  readonly name: string
  readonly provider: string
  /** true when no model answers: every surface says so. */
  readonly scripted: boolean
  /** null: the price is unknown, which is not zero. */
  readonly price: ModelPrice | null
  readonly stream: (
    request: ModelRequest,
    options: {
      readonly signal: AbortSignal
      readonly onText: (text: string) => void
      readonly onAborted?: (usage: ModelUsage) => void
    },
  ) => Promise<ModelReply>
  readonly close: () => Promise<void>
}
