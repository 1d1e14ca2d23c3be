/** `fetch` for the client of Bluesky: its requests go through safe-fetch, whatever address a service names to it. */
import { safeFetch } from '../../net/safe-fetch.ts'

/** A page of 100 messages of 10,000 bytes, with its profiles, stays well below. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024
/** Beyond it a service hangs. Below the 30 s that the core gives a send, so that its fault has a name. */
const ANSWER_TIME_MAX_MS = 20_000
/** Answers that must not have a body, as Response wants it. */
const EMPTY_STATUS = [204, 205, 304]
const METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const

/** `plainOrigin`: a service on this machine that the owner named. The requests fail with `SafeFetchError`. */
export const createBlueskyFetch = (plainOrigin: string | null): typeof fetch => {
  const fetchSafely = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = input instanceof Request ? new Request(input, init) : new Request(String(input), init)
    const method = METHODS.find((known) => known === request.method)
    if (!method) throw new TypeError(`${request.method} is not sent`)
    const { status, headers, bytes } = await safeFetch(request.url, {
      method,
      headers: Object.fromEntries(request.headers),
      ...(request.body && { body: new Uint8Array(await request.arrayBuffer()) }),
      ...{ bytesMax: ANSWER_BYTES_MAX, timeMaxMs: ANSWER_TIME_MAX_MS, signal: request.signal },
      ...(plainOrigin !== null && { plainOrigin }),
    })
    return new Response(EMPTY_STATUS.includes(status) ? null : Buffer.from(bytes), { status, headers })
  }
  return Object.assign(fetchSafely, { preconnect: () => {} })
}
