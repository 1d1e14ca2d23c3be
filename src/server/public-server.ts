/** The public HTTP listener: a fixed list of methods and paths, everything else is refused without a look. */
import { NodeError } from '../utils/node-error.ts'

/** Bytes of one request. */
const REQUEST_BYTES_MAX = 1024 * 1024
/** Seconds without a byte before a connection is closed. */
const IDLE_TIMEOUT_SECONDS = 10

const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

export type PublicServer = { readonly url: string; readonly close: () => Promise<void> }

/** @throws {NodeError} PORT_IN_USE, or CONFIG_INVALID when the address cannot be listened on. */
export const startPublicServer = ({ host, port }: { readonly host: string; readonly port: number }): PublicServer => {
  try {
    const server = Bun.serve({
      hostname: host,
      port,
      maxRequestBodySize: REQUEST_BYTES_MAX,
      idleTimeout: IDLE_TIMEOUT_SECONDS,
      routes: { '/health': { GET: () => Response.json({ ok: true }, { headers: HEADERS }) } },
      fetch: () => Response.json({ error: 'not_found' }, { status: 404, headers: HEADERS }),
      error: () => Response.json({ error: 'internal' }, { status: 500, headers: HEADERS }),
    })
    return { url: server.url.href, close: () => server.stop(true) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'EADDRINUSE') {
      throw new NodeError('PORT_IN_USE', `port ${port} of ${host} is in use`, {
        hint: 'stop the other program, or set PLAITED_PORT to a free port (0 picks one)',
        cause: error,
      })
    }
    throw new NodeError('CONFIG_INVALID', `cannot listen on ${host}:${port}`, {
      hint: 'set PLAITED_HOST to an address of this machine and PLAITED_PORT to a port above 1023',
      cause: error,
    })
  }
}
