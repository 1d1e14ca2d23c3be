/** Longer than any start; a server that accepts and says nothing must not hold the bench up. */
const ANSWER_TIMEOUT_SECONDS = 10

/**
 * Asks a server on this machine for /health and reads its first bytes: as raw bytes, since the set-up of an HTTP client
 * would be in the figure. @throws unless the answer is a 200.
 */
export const askHealth = async (port: number): Promise<void> => {
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
