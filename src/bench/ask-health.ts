/** Longer than any start; a server that accepts and says nothing must not hold the bench up. */
const ANSWER_TIMEOUT_SECONDS = 10

/**
 * Asks a server on this machine for /health and reads its first bytes: as raw bytes, since the set-up of an HTTP client
 * would be in the figure. @throws unless the answer is a 200.
 */
const askHealth = async (port: number): Promise<void> => {
  const answer = Promise.withResolvers<string>()
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      data: (_, bytes) => answer.resolve(bytes.toString('latin1')),
      close: () => answer.reject(new Error('the server closed the connection')),
      error: (_, error) => answer.reject(error),
      timeout: () => answer.reject(new Error(`no answer within ${ANSWER_TIMEOUT_SECONDS} s`)),
    },
  })
  try {
    socket.timeout(ANSWER_TIMEOUT_SECONDS)
    socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    const [status] = (await answer.promise).split('\r\n', 1)
    if (status !== 'HTTP/1.1 200 OK') throw new Error(`/health answered ${status}`)
  } finally {
    socket.end()
  }
}

/** Between two knocks at a port that nobody listens on yet; small beside any start. */
const KNOCK_INTERVAL_MS = 1

/**
 * Asks until someone listens, and then once. @throws as a server that answers wrongly, after `ANSWER_TIMEOUT_SECONDS`, or
 * when the signal aborts.
 */
export const askUntilHealthy = async (port: number, signal: AbortSignal): Promise<void> => {
  const deadline = performance.now() + ANSWER_TIMEOUT_SECONDS * 1000
  for (;;) {
    try {
      return await askHealth(port)
    } catch (error) {
      const refused = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
      if (!refused || performance.now() > deadline) throw error
      signal.throwIfAborted()
      await Bun.sleep(KNOCK_INTERVAL_MS)
    }
  }
}

/** A port that was free a moment ago. */
export const freePort = (): number => {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => {} } })
  listener.stop(true)
  return listener.port
}
