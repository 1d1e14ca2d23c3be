/**
 * The model port over the Anthropic SDK, the only file that knows the SDK.
 *
 * Used is `messages.stream` alone: retries, tools and history belong to the loop (the SDK's tool runner keeps history on
 * the server and starts all calls at once). Every option that the SDK would otherwise read from the environment is
 * given explicitly, and so is exactly one credential: with none it would search for profiles on disk. A client is made
 * per request because `fetch` is a client's option and what the transport notices belongs to one request.
 *
 * A reply is complete at `message_stop`. Whatever fails before it is a `ModelError`; nothing is retried here.
 */
import Anthropic, { APIConnectionError, APIConnectionTimeoutError, APIError } from '@anthropic-ai/sdk'
import type { MessageStream } from '@anthropic-ai/sdk/lib/MessageStream'
import { NodeError } from '../../utils/node-error.ts'
import { createRedactor, type Redactor } from '../../utils/redact.ts'
import type {
  Model,
  ModelFault,
  ModelMessage,
  ModelPrice,
  ModelReply,
  ModelRequest,
  ModelUsage,
} from './model.types.ts'
import { ModelError } from './model.types.ts'
import { parseModelReply, parseTokens, parseUsage } from './model-reply.ts'
import { createModelTransport, type ModelTransport } from './model-transport.ts'
import { silenceError } from './watch-body.ts'

const ANTHROPIC_URL = 'https://api.anthropic.com'

/** The version whose types SDK 1.11 has, and the one that compatible servers were built for. */
const VERSION_ANTHROPIC = '2026-10-21'
const VERSION_COMPATIBLE = '2023-06-01'

/** A service answers with headers before it thinks, and sends pings while it does, so silence means that nobody is there. */
const IDLE_TIMEOUT_MS = 45_000

/** A token is at least this many bytes in practice; dividing by less overestimates the cost, which is the safe side. */
const BYTES_PER_TOKEN = 3

/** Characters of the service's own error text that are kept. */
const SERVICE_MESSAGE_LENGTH_MAX = 500

/**
 * How to reach a model service. `dialect` says what the server understands: `anthropic` gets a Bearer credential and
 * automatic prompt caching; `compatible` gets the credential in both headers, an older version and no caching field,
 * because other servers reject fields that they do not know.
 */
export type AnthropicModelOptions = {
  /** A server that wants no key gets any word. */
  readonly apiKey: string
  /** Without `/v1`. null: Anthropic's own service. */
  readonly baseUrl: string | null
  readonly provider: string
  readonly model: string
  readonly price: ModelPrice | null
  /** Default: `anthropic` exactly when `baseUrl` is null. */
  readonly dialect?: 'anthropic' | 'compatible'
  /** Silence that ends a call, before its answer begins as well as in the middle of it. */
  readonly idleTimeoutMs?: number
}

/**
 * A model behind the Messages API.
 * @throws {NodeError} CONFIG_INVALID when `baseUrl` is not an http or https address or the key is empty.
 */
export const createAnthropicModel = (options: AnthropicModelOptions): Model => {
  const baseUrl = parseBaseUrl(options.baseUrl)
  if (options.apiKey === '') {
    throw new NodeError('CONFIG_INVALID', `no key for ${options.provider}`, { hint: 'Set the key in config.env.' })
  }
  const dialect = options.dialect ?? (options.baseUrl === null ? 'anthropic' : 'compatible')
  const headers = requestHeaders(options.apiKey, dialect)
  const redact = createRedactor([options.apiKey])
  const idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS
  const connect = (transport: ModelTransport) =>
    new Anthropic({
      apiKey: options.apiKey,
      baseURL: baseUrl,
      webhookKey: null,
      openTelemetry: false,
      logLevel: 'off',
      maxRetries: 0,
      timeout: idleTimeoutMs,
      fetch: transport.fetch,
    })

  return {
    name: `${options.provider}:${options.model}`,
    provider: options.provider,
    scripted: false,
    price: options.price,
    stream: async (request, { signal, onText, onAborted = () => {} }) => {
      signal.throwIfAborted()
      const transport = createModelTransport({ headers, idleTimeoutMs })
      const parameters = requestParameters(request, { model: options.model, cached: dialect === 'anthropic' })
      return await readReply(connect(transport).messages.stream(parameters, { signal }), {
        signal,
        onText,
        onAborted,
        ...{ transport, redact, idleTimeoutMs },
      })
    },
    close: async () => undefined,
  }
}

const parseBaseUrl = (baseUrl: string | null): string => {
  if (baseUrl === null) return ANTHROPIC_URL
  if (/^https?:$/.test(URL.parse(baseUrl)?.protocol ?? '')) return baseUrl
  throw new NodeError('CONFIG_INVALID', `not an http address of a model service: ${baseUrl}`, {
    hint: 'Give the address as https://host, without /v1.',
  })
}

const requestHeaders = (apiKey: string, dialect: 'anthropic' | 'compatible'): Readonly<Record<string, string>> => ({
  accept: 'application/json',
  'content-type': 'application/json',
  'user-agent': 'plaited',
  authorization: `Bearer ${apiKey}`,
  ...(dialect === 'anthropic'
    ? { 'anthropic-version': VERSION_ANTHROPIC }
    : { 'anthropic-version': VERSION_COMPATIBLE, 'x-api-key': apiKey }),
})

/** Equal requests give equal bytes: the service caches by exact prefix, so members keep their order. */
const requestParameters = (
  request: ModelRequest,
  { model, cached }: { readonly model: string; readonly cached: boolean },
): Anthropic.MessageStreamParams => ({
  model,
  max_tokens: request.maxTokens,
  ...(cached && { cache_control: { type: 'ephemeral' } }),
  ...(request.system !== '' && { system: request.system }),
  ...(request.tools.length > 0 && {
    tools: request.tools.map(({ name, description, inputSchema }) => ({
      name,
      description,
      input_schema: inputSchema,
    })),
  }),
  messages: request.messages.map(messageParameter),
})

// The types meet in the shape but not in the compiler: an opaque block is a block whose fields we do not know.
const messageParameter = (message: ModelMessage): Anthropic.MessageParam =>
  ({ role: message.role, content: message.content }) as Anthropic.MessageParam

type Service = {
  readonly transport: ModelTransport
  /** For its own words: it may quote what it was sent, the key included. */
  readonly redact: Redactor
  readonly idleTimeoutMs: number
}

const readReply = async (
  stream: MessageStream,
  { signal, onText, onAborted, ...service }: Required<Parameters<Model['stream']>[1]> & Service,
): Promise<ModelReply> => {
  const meter = createUsageMeter()
  const toolJson = new Map<number, string>()
  stream.on('text', (delta) => {
    if (!signal.aborted) onText(delta)
  })
  stream.on('streamEvent', (event) => {
    meter.count(event)
    if (event.type === 'content_block_delta' && event.delta.type === 'input_json_delta') {
      toolJson.set(event.index, (toolJson.get(event.index) ?? '') + event.delta.partial_json)
    }
  })
  // `message` comes with message_stop; finalMessage would also wait for the server to close the connection.
  const complete = new Promise<Anthropic.Message>((resolve) => stream.on('message', resolve))
  try {
    const message = await Promise.race([complete, stream.finalMessage()])
    return parseModelReply({ ...message }, toolJson)
  } catch (error) {
    const usage = meter.usage()
    if (signal.aborted && usage) onAborted(usage)
    signal.throwIfAborted()
    throw toModelError(error, { usage, ...service })
  }
}

/**
 * What an answer has cost so far, for when it breaks off: the service names its output tokens only at the end, but bills
 * those that it has sent.
 */
const createUsageMeter = () => {
  let atStart: ModelUsage | null = null
  let atEnd: number | null = null
  let bytes = 0
  return {
    count: (event: Anthropic.MessageStreamEvent): void => {
      if (event.type === 'message_start') atStart = parseUsage(event.message.usage)
      if (event.type === 'content_block_delta') bytes += Buffer.byteLength(deltaText(event.delta))
      if (event.type === 'message_delta') atEnd = parseTokens(event.usage.output_tokens) ?? atEnd
    },
    /** null before the service has begun to answer. */
    usage: (): ModelUsage | null => {
      if (!atStart) return null
      const outputTokens = atEnd ?? Math.max(atStart.outputTokens, Math.ceil(bytes / BYTES_PER_TOKEN))
      return { ...atStart, outputTokens }
    },
  }
}

const deltaText = (delta: Anthropic.ContentBlockDeltaEvent['delta']): string => {
  if (delta.type === 'text_delta') return delta.text
  if (delta.type === 'thinking_delta') return delta.thinking
  return delta.type === 'input_json_delta' ? delta.partial_json : ''
}

const toModelError = (
  error: unknown,
  { usage, transport, redact, idleTimeoutMs }: { readonly usage: ModelUsage | null } & Service,
): ModelError => {
  const details = { cause: error, ...(usage && { usage }) }
  if (error instanceof APIError && error.status !== undefined) return statusError(error, error.status, redact)
  const seen = error instanceof ModelError ? error : transport.fault()
  if (seen) return new ModelError(seen.fault, seen.message, { ...details, cause: seen.cause ?? error })
  if (error instanceof APIConnectionTimeoutError) return silenceError(idleTimeoutMs, details)
  if (error instanceof APIConnectionError) {
    return new ModelError('unreachable', 'the model service cannot be reached', details)
  }
  if (error instanceof APIError) {
    return new ModelError('overloaded', `the model service broke off: ${serviceMessage(error, redact)}`, details)
  }
  if (transport.ended()) {
    return new ModelError('unreachable', 'the model service closed the connection before it had finished', details)
  }
  return new ModelError('malformed', "the model's answer does not parse", details)
}

const statusError = (error: APIError, status: number, redact: Redactor): ModelError => {
  const retryAfterMs = parseRetryAfterMs(error.headers?.get('retry-after') ?? null)
  const fault = isTooLong(status, error.apiMessage ?? '') ? 'too-long' : statusFault(status)
  return new ModelError(fault, `the model service answered ${status}: ${serviceMessage(error, redact)}`, {
    status,
    cause: error,
    ...(retryAfterMs !== null && { retryAfterMs }),
  })
}

/** A request over the context is a plain 400, told apart by its words; compatible servers have their own. */
const isTooLong = (status: number, message: string): boolean =>
  status === 413 ||
  (status === 400 && /prompt is too long|context (?:length|window|size)|too many tokens|maximum context/i.test(message))

const statusFault = (status: number): ModelFault => {
  if (status === 401 || status === 403) return 'unauthorized'
  if (status === 402) return 'unpaid'
  if (status === 408 || status === 429 || status >= 500) return 'overloaded'
  return 'rejected'
}

/** Only the form in seconds: the service never sends a date. */
const parseRetryAfterMs = (header: string | null): number | null =>
  header !== null && /^\d{1,9}(\.\d+)?$/.test(header) ? Math.ceil(Number(header) * 1000) : null

const serviceMessage = (error: APIError, redact: Redactor): string =>
  redact(error.apiMessage ?? error.type ?? 'no reason given').slice(0, SERVICE_MESSAGE_LENGTH_MAX)
