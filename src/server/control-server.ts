/**
 * The control socket of a running node: `HOME/run/node.sock`, HTTP over a unix socket in a folder that only the owner may
 * enter. Reaching it is the proof of being the owner, so it has no other authentication and never listens on a network.
 */
import { chmodSync, rmSync } from 'node:fs'
import { z } from 'zod'
import type { ChannelProgress } from '../channels/channels.types.ts'
import { type Operations, toolOperationSchema } from '../operations.ts'
import { NodeError } from '../utils/node-error.ts'

/** Bytes of one request: a message or a file to write. */
const REQUEST_BYTES_MAX = 16 * 1024 * 1024

const saySchema = z.strictObject({ messageId: z.string().min(1).max(128), text: z.string().max(1_000_000) })
const logSchema = z.strictObject({ limit: z.int().min(1).max(10_000) })
const diffSchema = z.strictObject({ turn: z.string().max(64).nullable() })
const eventsSchema = z.strictObject({ after: z.int().nonnegative(), limit: z.int().min(1).max(1000) })
const nothing = z.strictObject({})

export type ControlServer = { readonly close: () => Promise<void> }

/** The caller holds the home's lease, so a socket that is already there belongs to a dead node and is replaced. */
export const startControlServer = (socket: string, operations: Operations): ControlServer => {
  rmSync(socket, { force: true })
  const routes: Readonly<Record<string, Route>> = {
    '/status': route(nothing, operations.status),
    '/stop': route(nothing, operations.stop),
    '/undo': route(nothing, operations.undo),
    '/log': route(logSchema, ({ limit }) => operations.log(limit)),
    '/diff': route(diffSchema, ({ turn }) => operations.diff(turn)),
    '/events': route(eventsSchema, operations.events),
    '/audit': route(nothing, operations.auditDecisions),
    '/execute': route(toolOperationSchema, async (operation) => encodeOutcome(await operations.execute(operation))),
  }
  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url)
    if (request.method !== 'POST') return respond({ ok: false, error: fault(new NodeError('USAGE', 'only POST')) })
    if (pathname === '/say') return say(operations, request)
    const handler = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined
    if (!handler) return respond({ ok: false, error: fault(new NodeError('USAGE', `no operation ${pathname}`)) })
    try {
      return respond({ ok: true, value: (await handler(await readBody(request))) ?? null })
    } catch (error) {
      return respond({ ok: false, error: fault(error) })
    }
  }
  const server = Bun.serve({
    unix: socket,
    maxRequestBodySize: REQUEST_BYTES_MAX,
    fetch: (request, listening) => {
      listening.timeout(request, 0) // a turn may be silent for as long as its command runs
      return answer(request)
    },
  })
  chmodSync(socket, 0o600)
  return {
    close: async () => {
      await server.stop(true)
      rmSync(socket, { force: true })
    },
  }
}

type Route = (body: unknown) => Promise<unknown>

const route =
  <Body>(schema: z.ZodType<Body>, handle: (body: Body) => Promise<unknown>): Route =>
  async (body) =>
    handle(schema.parse(body))

const respond = (answer: unknown): Response => Response.json(answer)

const readBody = async (request: Request): Promise<unknown> => {
  const text = await request.text()
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new NodeError('USAGE', 'the body is not JSON', { cause: error })
  }
}

/** Newline-delimited JSON: progress as it happens, the reply last. */
const say = (operations: Operations, request: Request): Response => {
  const encoder = new TextEncoder()
  const gone = new AbortController()
  const body = new ReadableStream<Uint8Array>({
    start: async (controller) => {
      const write = (line: unknown) => {
        if (!gone.signal.aborted) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`))
      }
      try {
        const message = saySchema.parse(await readBody(request))
        const progress = (event: ChannelProgress) => write({ kind: 'progress', progress: event })
        write({ kind: 'reply', text: await operations.say(message, progress, gone.signal) })
      } catch (error) {
        write({ kind: 'error', error: fault(error) })
      }
      if (!gone.signal.aborted) controller.close()
    },
    // The other side has gone: the turn goes on and its reply is kept.
    cancel: () => gone.abort(new NodeError('NOT_RUNNING', 'the speaker has gone')),
  })
  return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } })
}

const fault = (error: unknown) => {
  if (error instanceof NodeError) return { code: error.code, message: error.message, hint: error.hint }
  if (error instanceof z.ZodError) return { code: 'USAGE', message: z.prettifyError(error), hint: null }
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), hint: null }
}

const encodeOutcome = (outcome: Awaited<ReturnType<Operations['execute']>>) =>
  outcome.kind === 'process'
    ? {
        ...outcome,
        stdout: Buffer.from(outcome.stdout).toString('base64'),
        stderr: Buffer.from(outcome.stderr).toString('base64'),
      }
    : outcome
