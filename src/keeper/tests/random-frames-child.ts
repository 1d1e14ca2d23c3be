/** Sends ten thousand random frames to a keeper's socket, over a few connections at a time; prints how many were taken. */
import { randomBytes, randomInt } from 'node:crypto'

const FRAMES = 10_000
const CONNECTIONS = 8
const [path = ''] = Bun.argv.slice(2)

const randomFrame = (): Buffer => {
  const kind = randomInt(4)
  if (kind === 0) return randomBytes(randomInt(1, 64)) // its length is as random as the rest
  const body =
    kind === 1
      ? randomBytes(randomInt(64))
      : Buffer.from(
          JSON.stringify({ op: kind === 2 ? 'append' : 'sign-decision-head', name: randomBytes(8).toString('hex') }),
        )
  const header = Buffer.alloc(4)
  header.writeUInt32BE(body.length)
  return Buffer.concat([header, body])
}

let sent = 0
let taken = 0

/** One connection, until the keeper ends it, as it must after a frame that is none. */
const talk = async (): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const send = (socket: { write: (bytes: Uint8Array) => number; end: () => void }) => {
    if (sent >= FRAMES) return socket.end()
    sent++
    const frame = randomFrame()
    socket.write(frame)
    // A frame that promises more than it holds is waited for: leave, as it would be left.
    if (frame.length < 4 || frame.readUInt32BE() > frame.length - 4) socket.end()
  }
  await Bun.connect({
    unix: path,
    socket: {
      open: send,
      data: (socket, chunk) => {
        if (Buffer.from(chunk).includes('"ok":true')) taken++
        send(socket)
      },
      close: () => resolve(),
      error: () => resolve(),
    },
  })
  await promise
}

const unlessForbidden = (error: unknown): void => {
  if (error instanceof Error && 'code' in error && error.code === 'EACCES') throw error
}

try {
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      // Only who may not knock is refused; a knock that comes too soon is made again.
      while (sent < FRAMES) await talk().catch(unlessForbidden)
    }),
  )
  process.stdout.write(`${sent} frames, ${taken} taken\n`)
} catch {
  process.stdout.write('refused\n')
}
