/**
 * The node's side of the keeper: one request at a time, over the socket of one that was started as another user, or to a
 * process of our own user, made for one request and gone with it, with nothing in its environment.
 */
import type { z } from 'zod'
import type { ChainEnd, DecisionHead } from '../constraint-history/decision-head.ts'
import { NodeError } from '../utils/node-error.ts'
import {
  ANSWER_BYTES_MAX,
  type Appended,
  type AppendRequest,
  answerSchema,
  appendedSchema,
  createFrameReader,
  decodeFrame,
  encodeFrame,
  type KeeperRequest,
  type PublicKeys,
  publicKeysSchema,
  REQUEST_BYTES_MAX,
  signedHeadSchema,
} from './keeper-protocol.ts'

/** An append with thousands of rules takes a second, a start of the process another; beyond this something hangs. */
const ANSWER_TIMEOUT_MS = 30_000

/** Contract: every operation rejects with `NodeError` only. */
export type KeeperClient = {
  readonly append: (rule: AppendRequest) => Promise<Appended>
  readonly signDecisionHead: (end: ChainEnd, previous: ChainEnd | null) => Promise<DecisionHead>
  readonly publicKeys: () => Promise<PublicKeys>
}

/** Carries one framed request to a keeper and returns the bytes of its answer; an end without one resolves with less. */
export type KeeperLine = (frame: Uint8Array, timeoutMs: number) => Promise<Uint8Array>

export const createKeeperClient = (line: KeeperLine): KeeperClient => {
  const ask = async <T>(request: KeeperRequest, schema: z.ZodType<T>): Promise<T> => {
    const bytes = await line(encodeFrame(request, REQUEST_BYTES_MAX), ANSWER_TIMEOUT_MS)
    const [frame] = createFrameReader(ANSWER_BYTES_MAX).push(bytes) ?? []
    const answer = answerSchema.safeParse(frame && decodeFrame(frame)).data
    if (answer === undefined) throw unreachable('it gave no answer')
    if (!answer.ok) {
      const { code, message, hint } = answer
      throw new NodeError(code, message, hint === null ? {} : { hint })
    }
    const value = schema.safeParse(answer.value)
    if (!value.success) throw unreachable('its answer is not one of its protocol')
    return value.data
  }
  return {
    append: (rule) => ask({ op: 'append', ...rule }, appendedSchema),
    signDecisionHead: ({ count, hash }, previous) =>
      ask({ op: 'sign-decision-head', count, hash, previous }, signedHeadSchema),
    publicKeys: () => ask({ op: 'public-keys' }, publicKeysSchema),
  }
}

/** A keeper that listens. */
export const socketLine =
  (path: string): KeeperLine =>
  async (frame, timeoutMs) => {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const frames = createFrameReader(ANSWER_BYTES_MAX)
    const received: Uint8Array[] = []
    const timer = setTimeout(() => reject(unreachable(`it did not answer within ${timeoutMs} ms`)), timeoutMs)
    const settle = () => resolve(Buffer.concat(received))
    let rest = frame
    try {
      const socket = await Bun.connect({
        unix: path,
        socket: {
          drain: (peer) => {
            rest = rest.subarray(peer.write(rest))
          },
          data: (_, chunk) => {
            received.push(Uint8Array.from(chunk)) // the buffer is the socket's own
            if (frames.push(Uint8Array.from(chunk))?.length !== 0) settle()
          },
          close: settle,
          error: (_, error) => reject(unreachable(error.message, error)),
        },
      })
      rest = rest.subarray(socket.write(rest))
      return await promise.finally(() => socket.end())
    } catch (error) {
      throw error instanceof NodeError
        ? error
        : unreachable(error instanceof Error ? error.message : String(error), error)
    } finally {
      clearTimeout(timer)
    }
  }

/** A keeper made for one request; `command` starts it with its arguments. */
export const processLine =
  (command: readonly string[]): KeeperLine =>
  async (frame, timeoutMs) => {
    const child = startKeeper(command, frame)
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    try {
      const answer = await child.stdout.bytes()
      await child.exited
      return answer
    } finally {
      clearTimeout(timer)
    }
  }

const startKeeper = (command: readonly string[], input: Uint8Array) => {
  try {
    return Bun.spawn([...command], { env: {}, cwd: '/', stdin: input, stdout: 'pipe', stderr: 'ignore' })
  } catch (error) {
    throw unreachable(error instanceof Error ? error.message : String(error), error)
  }
}

const unreachable = (why: string, cause?: unknown): NodeError =>
  new NodeError('KEEPER_UNREACHABLE', `the keeper of the rules cannot be asked: ${why}`, {
    hint: "the rules hold as they are; 'plaited doctor' shows what is wrong, and restarting the node starts the keeper",
    cause,
  })
