/**
 * The keeper's two doors. Over stdio it answers whoever started it, and ends with its input. Over a unix socket it answers
 * whoever may open that: root and the node's group, which the socket's mode says, since Bun does not tell who connects.
 */
import { chmodSync, chownSync, rmSync } from 'node:fs'
import type { Socket } from 'bun'
import type { Keeper } from './keeper.ts'
import { ANSWER_BYTES_MAX, createFrameReader, decodeFrame, encodeFrame, REQUEST_BYTES_MAX } from './keeper-protocol.ts'

/** The node needs one connection. The oldest of more is closed, so that those who say nothing keep nobody out. */
const CONNECTIONS_MAX = 16
/** Seconds after which a connection that says nothing is closed. */
const IDLE_SECONDS = 10
const SOCKET_MODE = 0o660

type PeerData = { take: (chunk: Uint8Array) => boolean }
type Reply = (answer: Uint8Array) => void

/** Answers the frames of one peer; false once it broke the protocol and deserves no more. */
const createPeer = (keeper: Keeper, reply: Reply): ((chunk: Uint8Array) => boolean) => {
  const frames = createFrameReader(REQUEST_BYTES_MAX)
  return (chunk) => {
    const complete = frames.push(chunk)
    for (const frame of complete ?? [new Uint8Array()]) {
      const request = decodeFrame(frame)
      reply(encodeFrame(keeper.handle(request), ANSWER_BYTES_MAX))
      if (request === null) return false
    }
    return complete !== null
  }
}

/** Answers until the input ends. */
export const serveStdio = async (
  keeper: Keeper,
  { input, reply }: { readonly input: AsyncIterable<Uint8Array>; readonly reply: Reply },
): Promise<void> => {
  const take = createPeer(keeper, reply)
  for await (const chunk of input) if (!take(chunk)) return
}

export type KeeperServer = { readonly close: () => void }

/** Listens on a socket that only root and one group may open. Whatever lies at the path is replaced. */
export const serveSocket = (
  keeper: Keeper,
  { path, group }: { readonly path: string; readonly group: number },
): KeeperServer => {
  rmSync(path, { force: true })
  const peers = new Set<Socket<PeerData>>()
  const leave = (socket: Socket<PeerData>): void => {
    peers.delete(socket)
    socket.terminate()
  }
  const before = process.umask(0o177) // nobody gets in before the socket has its owner and mode
  const server = Bun.listen<PeerData>({
    unix: path,
    socket: {
      open: (socket) => {
        socket.data = { take: createPeer(keeper, (answer) => send(socket, answer)) }
        socket.timeout(IDLE_SECONDS)
        peers.add(socket)
        const [oldest] = peers
        // Each request is answered at once, so whoever is still here has not finished theirs.
        if (peers.size > CONNECTIONS_MAX && oldest) leave(oldest)
      },
      data: (socket, chunk) => {
        if (!socket.data.take(chunk)) socket.end()
      },
      timeout: (socket) => void socket.end(),
      close: (socket) => void peers.delete(socket),
      error: (socket) => void socket.end(),
    },
  })
  process.umask(before)
  chownSync(path, process.getuid?.() ?? 0, group)
  chmodSync(path, SOCKET_MODE)
  return {
    close: () => {
      server.stop(true)
      rmSync(path, { force: true })
    },
  }
}

/** An answer is a few KiB: a peer whose buffer cannot take that does not read, and is left. */
const send = (socket: Socket<unknown>, answer: Uint8Array): void => {
  if (socket.write(answer) < answer.length) socket.end()
}
