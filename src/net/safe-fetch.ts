/**
 * One HTTP request to an address that is not hard-coded: it may come from a setting, from a service, from a document that
 * somebody else wrote. Bun's fetch also opens files and buckets, follows redirects to anywhere and waits for ever; here
 * only `https:` is spoken, a redirect is an answer like any other, and size and time have limits. Faults name the host
 * and nothing more of the address, because some services carry the credential in the path.
 *
 * It does not look at where a name points: a service that must not reach private addresses has to be refused by name.
 */

/** Hosts of this machine, as a parsed URL writes them. */
const LOOPBACK_HOST = /^(127(\.\d+){3}|\[::1\]|localhost)$/
/** What the system says before one byte of the request has left. */
const NOT_SENT_CODES = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']

export type SafeRequest = {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
  /** The largest answer, in bytes. */
  readonly bytesMax: number
  /** For the whole of it, from the connection to the last byte. */
  readonly timeMaxMs: number
  readonly signal?: AbortSignal
  /** An origin that may be spoken to without TLS: a service on this machine that the code, never a message, names. */
  readonly plainOrigin?: string
}

export type SafeResponse = { readonly status: number; readonly headers: Headers; readonly bytes: Uint8Array }

export class SafeFetchError extends Error {
  readonly reason: 'refused' | 'unreachable' | 'too-large' | 'late' | 'aborted'
  /** Something of the request may have reached the service. */
  readonly mayHaveArrived: boolean
  constructor(reason: SafeFetchError['reason'], message: string, { mayHaveArrived }: { mayHaveArrived: boolean }) {
    super(message) // no cause: Bun writes the whole address into its errors
    this.name = 'SafeFetchError'
    this.reason = reason
    this.mayHaveArrived = mayHaveArrived
  }
}

/** @throws {SafeFetchError} */
export const safeFetch = async (address: string, request: SafeRequest): Promise<SafeResponse> => {
  const url = parseAddress(address, request.plainOrigin)
  const time = AbortSignal.timeout(request.timeMaxMs)
  const signal = AbortSignal.any([time, ...(request.signal ? [request.signal] : [])])
  try {
    const response = await fetch(url, {
      method: request.method ?? 'GET',
      headers: { ...request.headers },
      body: request.body ?? null,
      redirect: 'manual',
      signal,
      // Bun sends requests to loopback addresses through HTTP_PROXY as well.
      ...(LOOPBACK_HOST.test(url.hostname) && { proxy: false }),
    })
    return {
      status: response.status,
      headers: response.headers,
      bytes: await readBody(response, url, request.bytesMax),
    }
  } catch (error) {
    if (error instanceof SafeFetchError) throw error
    if (request.signal?.aborted)
      throw new SafeFetchError('aborted', 'the request was given up', { mayHaveArrived: true })
    if (time.aborted)
      throw new SafeFetchError('late', `${url.host} did not answer in ${request.timeMaxMs} ms`, {
        mayHaveArrived: true,
      })
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw new SafeFetchError('unreachable', `no connection to ${url.host} (${code})`, {
      mayHaveArrived: !NOT_SENT_CODES.includes(code),
    })
  }
}

const parseAddress = (address: string, plainOrigin: string | undefined): URL => {
  const refused = (why: string) => new SafeFetchError('refused', why, { mayHaveArrived: false })
  const url = URL.parse(address)
  if (!url) throw refused('this is not a web address')
  if (url.username !== '' || url.password !== '') throw refused('an address with a user name in it is not fetched')
  const isPlain = plainOrigin !== undefined && url.protocol === 'http:' && url.origin === plainOrigin
  if (url.protocol !== 'https:' && !isPlain) throw refused(`${url.protocol} is not fetched, only https:`)
  return url
}

const readBody = async (response: Response, url: URL, bytesMax: number): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > bytesMax) {
      throw new SafeFetchError('too-large', `${url.host} answered with more than ${bytesMax} bytes`, {
        mayHaveArrived: true,
      })
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
