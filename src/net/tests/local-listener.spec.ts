import { afterEach, expect, test } from 'bun:test'
import { type LocalHandler, type LocalListener, startLocalListener } from '../local-listener.ts'

const listeners: LocalListener[] = []
afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close()
})

const listen = (handler: LocalHandler) => {
  const faults: unknown[] = []
  const onFault = (error: unknown) => void faults.push(error)
  const listener = startLocalListener({ port: 0, routes: { 'POST /': handler }, onFault, idleSeconds: 1 })
  listeners.push(listener)
  return { faults, url: listener.url }
}

/** Sends raw bytes; resolves with what came back when the other side has closed the connection. */
const answerUntilClosed = async (url: string, request: string): Promise<string> => {
  const { hostname, port } = new URL(url)
  const closed = Promise.withResolvers<string>()
  let answer = ''
  await Bun.connect({
    ...{ hostname, port: Number(port) },
    socket: {
      open: (socket) => void socket.write(request),
      data: (_, bytes) => {
        answer += bytes.toString()
      },
      close: () => closed.resolve(answer),
      error: (_, error) => closed.reject(error),
    },
  })
  return closed.promise
}

test('a connection is closed some time after its answer, also one whose request never ends', async () => {
  const { url } = listen(() => ({ status: 403, body: { error: 'refused' } }))
  const answers = ['Content-Length: 0\r\n\r\n', 'Content-Length: 9000\r\n\r\n{'].map((rest) =>
    answerUntilClosed(url, `POST / HTTP/1.1\r\nHost: localhost\r\n${rest}`),
  )
  for (const answer of await Promise.all(answers)) expect(answer).toEndWith('{"error":"refused"}')
}, 20_000)

test('a handler that fails is told to the owner, and no more than that to who asked', async () => {
  const fault = new Error('the state cannot be read')
  const { url, faults } = listen(() => {
    throw fault
  })
  const response = await fetch(url, { method: 'POST' })
  expect([response.status, await response.json()]).toEqual([500, { error: 'internal' }])
  expect(faults).toEqual([fault])
})
