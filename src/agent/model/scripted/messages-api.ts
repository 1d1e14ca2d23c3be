/**
 * A twin of the Messages API: a real HTTP server on loopback that answers from a script. The demo and the tests run the
 * real SDK against it, so what they prove holds for the wire and not for a stub.
 *
 * It is stricter than it needs to be: unknown fields and histories that the service would refuse get its 400, and a
 * request without the bearer given at creation gets 401, because every user of the machine can reach the port.
 * It does not count tokens (the figures are length / 4), does not cache, and keeps nothing between requests.
 */
import { createHash, createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import type { MessagesRequest } from './messages-api.schemas.ts'
import type { Answer, ApiStatus, ReceivedRequest, Step, StepBlock, StreamFault } from './messages-api.types.ts'
import { eventFrame, replyEvents, replyMessage, type SignedBlock, type SignedReply } from './reply-events.ts'
import { validateRequest } from './validate-request.ts'

/** Bytes of a request, as the API limits them. */
const BODY_BYTES_MAX = 32 * 1024 * 1024

/** Longer than a client's own patience (45 s), so that a stall is found by the client and not ended here. */
const CONNECTION_IDLE_SECONDS = 60

/** A reset discards what the client has not read yet; this gives it time to read what was sent before. */
const RESET_DELAY_MS = 20

const CHARACTERS_PER_TOKEN = 4

const ERROR_TYPES: Readonly<Record<ApiStatus, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  529: 'overloaded_error',
}

export type MessagesApi = {
  /** Base address, without `/v1`. */
  readonly url: string
  /** Ends every connection and frees the port. */
  readonly close: () => Promise<void>
}

/** `credential` limits in which header the bearer may come, as some servers do; `betas: false` refuses beta headers. */
export type MessagesApiOptions = {
  readonly bearer: string
  readonly answer: Answer
  readonly onRequest?: (request: ReceivedRequest) => void
  readonly credential?: 'either' | 'authorization' | 'x-api-key'
  readonly betas?: boolean
}

/** Starts the twin on a free loopback port. */
export const createMessagesApi = (options: MessagesApiOptions): MessagesApi => {
  const isAuthorized = createBearerCheck(options.bearer, options.credential ?? 'either')
  const sign = createSigner()
  let answered = 0

  const answerMessages = async (body: unknown, requestId: string): Promise<Response> => {
    const valid = validateRequest(body, { counting: false, isSigned: (text, signature) => sign(text) === signature })
    if (!valid.ok) return errorResponse(400, valid.message, requestId)
    const step = await options.answer(valid.request, answered++)
    if (step.kind === 'http') return errorResponse(step.status, step.message, requestId, step.headers)
    const reply = signReply(step, valid.request, sign)
    const headers = { 'request-id': requestId }
    if (!valid.request.stream) return Response.json(replyMessage(reply), { headers })
    return new Response(replyStream(reply, step.fault ?? null), {
      headers: { ...headers, 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
    })
  }

  const countTokens = (body: unknown, bodyText: string, requestId: string): Response => {
    const valid = validateRequest(body, { counting: true, isSigned: (text, signature) => sign(text) === signature })
    if (!valid.ok) return errorResponse(400, valid.message, requestId)
    return Response.json({ input_tokens: tokensOf(bodyText) }, { headers: { 'request-id': requestId } })
  }

  const respond = async (request: Request, requestId: string): Promise<Response> => {
    if (!isAuthorized(request.headers)) return errorResponse(401, 'invalid bearer token', requestId)
    const path = new URL(request.url).pathname
    const counting = path === '/v1/messages/count_tokens'
    if (request.method !== 'POST' || !(counting || path === '/v1/messages')) {
      return errorResponse(404, `Not found: ${request.method} ${path}`, requestId)
    }
    if (Number(request.headers.get('content-length')) > BODY_BYTES_MAX) {
      return errorResponse(413, 'Request exceeds the maximum size', requestId)
    }
    const fault = headerFault(request.headers, options.betas ?? true)
    if (fault !== null) return errorResponse(400, fault, requestId)
    const bodyText = await request.text()
    options.onRequest?.(receivedRequest(request, bodyText))
    const body = parseJson(bodyText)
    if (body === undefined) return errorResponse(400, 'The request body is not valid JSON', requestId)
    return counting ? countTokens(body, bodyText, requestId) : await answerMessages(body, requestId)
  }

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: CONNECTION_IDLE_SECONDS,
    maxRequestBodySize: BODY_BYTES_MAX,
    fetch: async (request) => {
      const requestId = `req_${randomUUID()}`
      try {
        return await respond(request, requestId)
      } catch (error) {
        return errorResponse(500, error instanceof Error ? error.message : String(error), requestId)
      }
    },
  })
  return { url: `http://127.0.0.1:${server.port}`, close: () => server.stop(true) }
}

const createBearerCheck = (bearer: string, credential: NonNullable<MessagesApiOptions['credential']>) => {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expected = digest(bearer)
  const isExpected = (given: string) => timingSafeEqual(digest(given), expected)
  return (headers: Headers): boolean => {
    const authorization = headers.get('authorization')
    const given = [
      ...(authorization === null ? [] : [{ in: 'authorization', value: authorization.replace(/^Bearer /i, '') }]),
      ...(headers.has('x-api-key') ? [{ in: 'x-api-key', value: headers.get('x-api-key') ?? '' }] : []),
    ]
    return (
      given.every(({ value }) => isExpected(value)) &&
      given.some((header) => credential === 'either' || header.in === credential)
    )
  }
}

/** The key is this twin's own, so a block that another server signed is refused, as the service does across models. */
const createSigner = () => {
  const key = randomBytes(32)
  return (thinking: string): string => createHmac('sha256', key).update(thinking).digest('base64')
}

const headerFault = (headers: Headers, betas: boolean): string | null => {
  if (!/^\d{4}-\d\d-\d\d$/.test(headers.get('anthropic-version') ?? '')) return 'anthropic-version: header is required'
  if (!betas && headers.has('anthropic-beta')) return 'anthropic-beta: betas are not supported'
  return null
}

const receivedRequest = (request: Request, bodyText: string): ReceivedRequest => ({
  path: new URL(request.url).pathname,
  headers: Object.fromEntries(request.headers),
  bodyText,
  cancelled: new Promise((resolve) => request.signal.addEventListener('abort', () => resolve(), { once: true })),
})

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const signReply = (
  step: Extract<Step, { kind: 'reply' }>,
  request: MessagesRequest,
  sign: (thinking: string) => string,
): SignedReply => ({
  id: `msg_${randomUUID()}`,
  model: request.model,
  content: step.content.map((block) => signBlock(block, sign)),
  stopReason: step.stopReason ?? (step.content.some((block) => block.type === 'tool_use') ? 'tool_use' : 'end_turn'),
  inputTokens: tokensOf(JSON.stringify(request)),
  outputTokens: tokensOf(JSON.stringify(step.content)),
})

const signBlock = (block: StepBlock, sign: (thinking: string) => string): SignedBlock => {
  if (block.type === 'text') return block
  if (block.type === 'thinking') return { ...block, signature: sign(block.thinking) }
  const { name, input, id = `toolu_${randomUUID()}`, inputJson = JSON.stringify(input) } = block
  return { type: 'tool_use', id, name, input, json: inputJson }
}

const replyStream = (reply: SignedReply, fault: StreamFault | null): ReadableStream<Uint8Array> => {
  const events = replyEvents(reply).slice(0, fault?.afterEvents)
  const overloaded = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
  const frames = [...events, ...(fault?.kind === 'error' ? [overloaded] : [])].map(eventFrame)[Symbol.iterator]()
  const encoder = new TextEncoder()
  return new ReadableStream({
    pull: async (controller) => {
      const frame = frames.next()
      if (!frame.done) return controller.enqueue(encoder.encode(frame.value))
      if (fault?.kind === 'stall') return await Promise.withResolvers<void>().promise
      if (fault?.kind !== 'reset') return controller.close()
      await Bun.sleep(RESET_DELAY_MS)
      controller.error() // without a reason, which Bun would print as an unhandled error of the server
    },
  })
}

const errorResponse = (
  status: ApiStatus,
  message: string,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): Response =>
  Response.json(
    { type: 'error', error: { type: ERROR_TYPES[status], message }, request_id: requestId },
    { status, headers: { ...headers, 'request-id': requestId } },
  )

const tokensOf = (text: string): number => Math.ceil(text.length / CHARACTERS_PER_TOKEN)
