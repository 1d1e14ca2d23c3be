/**
 * The wire under the model SDK, for one request. The SDK only decides that a request is made and what its body is:
 * it merges headers from environment variables into every request, so this transport writes all headers itself. It
 * follows no redirect, because the credential is for one host, and goes around any proxy to a server on this machine.
 */
import { ModelError } from './model.types.ts'
import { watchBody } from './watch-body.ts'

/** Hosts of this machine, as a parsed URL writes them. */
const LOOPBACK_HOST = /^(127(\.\d+){3}|\[::1\]|localhost)$/

/** One request's transport. `fault` and `ended` say what happened to the answer so far. */
export type ModelTransport = {
  readonly fetch: (url: string | URL | Request, init?: RequestInit) => Promise<Response>
  /** What went wrong on the wire, null while nothing did. */
  readonly fault: () => ModelError | null
  /** true when the server closed the answer in good order and all of it was processed. */
  readonly ended: () => boolean
}

/** `headers` are all the headers that are sent. A silence of `idleTimeoutMs` in the answer's body ends it. */
export const createModelTransport = (options: {
  readonly headers: Readonly<Record<string, string>>
  readonly idleTimeoutMs: number
}): ModelTransport => {
  let fault: ModelError | null = null
  let ended = false
  const watch = {
    idleTimeoutMs: options.idleTimeoutMs,
    onFault: (found: ModelError) => {
      fault = found
    },
    onEnd: () => {
      ended = true
    },
  }
  return {
    fault: () => fault,
    ended: () => ended,
    fetch: async (url, init = {}) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: options.headers,
        body: init.body ?? null,
        signal: init.signal ?? null,
        redirect: 'manual',
        // Bun sends requests to loopback addresses through HTTP_PROXY as well, credential included.
        ...(LOOPBACK_HOST.test(new URL(url instanceof Request ? url.url : url).hostname) && { proxy: false }),
      })
      if (response.ok && !response.headers.get('content-type')?.startsWith('text/event-stream')) {
        fault = new ModelError('malformed', 'the server did not answer with an event stream: is its address right?')
        await response.body?.cancel()
        throw fault
      }
      if (!response.body) return response
      return new Response(watchBody(response.body, watch), { status: response.status, headers: response.headers })
    },
  }
}
