/**
 * An HTTP listener for programs on this machine: 127.0.0.1, a fixed list of methods and paths, limits on everything.
 * A browser on this machine can be made to call it by any web page. Pages send an `Origin`, and a page that has given its
 * own name this address (DNS rebinding) sends that name as `Host`: both are refused before a handler sees the request.
 * Being on this machine proves nothing else; who may do what is the handlers' matter.
 */
import { NodeError } from '../utils/node-error.ts'

/** Bytes of one request's body. */
const BODY_BYTES_MAX = 256 * 1024
/** Seconds without a byte before a connection is closed, where no handler is at work. */
const IDLE_TIMEOUT_SECONDS = 10
/** A body that trickles in is given up. */
const BODY_TIME_MAX_MS = 10_000
/** What answers on their way, and connections that never got as far as a request, are given at the end. */
const CLOSE_TIME_MAX_MS = 500
const LOCAL_NAMES = ['127.0.0.1', 'localhost', '[::1]']

const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

/** What a handler needs of a request. */
export type LocalRequest = {
  readonly header: (name: string) => string | null
  /** null when it is too late, too large, or no JSON. */
  readonly readJson: () => Promise<unknown>
  /** Aborts when the other side has hung up. */
  readonly gone: AbortSignal
}
export type LocalResponse = { readonly status: number; readonly body: Readonly<Record<string, unknown>> }
export type LocalHandler = (request: LocalRequest) => LocalResponse | Promise<LocalResponse>

export type LocalListener = {
  readonly url: string
  /** Lets answers that are on their way arrive, when every handler has ended. */
  readonly close: () => Promise<void>
}

export type LocalListenerParts = {
  readonly port: number
  /** By method and path, such as `POST /pair`. */
  readonly routes: Readonly<Record<string, LocalHandler>>
  /** Hears of a handler that failed; who asked is told no more than that. Contract: must not throw. */
  readonly onFault: (error: unknown) => void
  readonly idleSeconds?: number
}

/** @throws {NodeError} PORT_IN_USE. */
export const startLocalListener = ({
  port,
  routes,
  onFault,
  idleSeconds = IDLE_TIMEOUT_SECONDS,
}: LocalListenerParts): LocalListener => {
  const paths = new Set(Object.keys(routes).map((route) => route.split(' ')[1]))
  const handle = async (request: Request, server: Bun.Server<undefined>): Promise<LocalResponse> => {
    if (!isLocal(request)) return { status: 403, body: { error: 'forbidden' } }
    const { pathname } = new URL(request.url)
    const handler = Object.hasOwn(routes, `${request.method} ${pathname}`) && routes[`${request.method} ${pathname}`]
    if (!handler) {
      return paths.has(pathname)
        ? { status: 405, body: { error: 'method_not_allowed' } }
        : { status: 404, body: { error: 'not_found' } }
    }
    server.timeout(request, 0) // how long an answer takes is the handler's matter
    const header = (name: string) => request.headers.get(name)
    try {
      return await handler({ header, readJson: () => readJson(request), gone: request.signal })
    } finally {
      server.timeout(request, idleSeconds) // or the connection would stay open for ever
    }
  }
  try {
    const server = Bun.serve({
      ...{ hostname: '127.0.0.1', port, maxRequestBodySize: BODY_BYTES_MAX, idleTimeout: idleSeconds },
      fetch: async (request, self) => {
        const { status, body } = await handle(request, self)
        return Response.json(body, { status, headers: HEADERS })
      },
      error: (error) => {
        onFault(error)
        return Response.json({ error: 'internal' }, { status: 500, headers: HEADERS })
      },
    })
    return { url: server.url.origin, close: () => closeSoon(server) }
  } catch (error) {
    throw new NodeError('PORT_IN_USE', `port ${port} of 127.0.0.1 cannot be listened on`, { cause: error })
  }
}

/** Bun waits for a half-sent request until its time is over. */
const closeSoon = async (server: Bun.Server<undefined>): Promise<void> => {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, CLOSE_TIME_MAX_MS)
  await Promise.race([server.stop(), late])
  clearTimeout(timer)
  await server.stop(true)
}

const isLocal = (request: Request): boolean => {
  const name = (request.headers.get('host') ?? '').replace(/:\d{1,5}$/, '').toLowerCase()
  return LOCAL_NAMES.includes(name) && !request.headers.has('origin')
}

const readJson = async (request: Request): Promise<unknown> => {
  const late = Promise.withResolvers<null>()
  const timer = setTimeout(() => late.resolve(null), BODY_TIME_MAX_MS)
  try {
    return await Promise.race([request.json(), late.promise])
  } catch {
    return null
  } finally {
    clearTimeout(timer)
  }
}
