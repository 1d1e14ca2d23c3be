/**
 * A message over the control socket: newline-delimited JSON, progress as it happens, the reply last. The speaker confirms
 * the reply with a request of its own; until then it counts as possibly lost and is kept for the next one who speaks.
 */
import { z } from 'zod'
import type { ChannelProgress } from '../channels/channels.types.ts'
import type { Operations } from '../operations.ts'
import { NodeError } from '../utils/node-error.ts'
import { type Fault, readBody } from './control-protocol.ts'

/** How long a speaker may take to confirm a reply; the next turn waits for it. */
const CONFIRM_TIMEOUT_MS = 10_000

const messageId = z.string().regex(/^[\w.:-]{1,128}$/)
const saySchema = z.strictObject({ messageId, text: z.string().max(1_000_000), followUp: z.boolean().default(false) })
export const heardSchema = z.strictObject({ messageId })

export type SayStream = {
  readonly say: (request: Request, fault: (error: unknown) => Fault) => Response
  /** The speaker has the reply; false when nobody waits for that. */
  readonly heard: (messageId: string) => boolean
}

export const createSayStream = (operations: Operations): SayStream => {
  const unconfirmed = new Map<string, () => void>()
  return {
    say: (request, fault) => {
      const encoder = new TextEncoder()
      const gone = new AbortController()
      const heard = Promise.withResolvers<void>()
      heard.promise.catch(() => {}) // the channel sees it, if it got as far as a reply
      gone.signal.addEventListener('abort', () => heard.reject(gone.signal.reason))
      const body = new ReadableStream<Uint8Array>({
        start: async (controller) => {
          const write = (line: unknown) => {
            if (!gone.signal.aborted) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`))
          }
          try {
            const message = saySchema.parse(await readBody(request))
            const progress = (event: ChannelProgress) => write({ kind: 'progress', progress: event })
            const text = await operations.say(message, progress, { gone: gone.signal, heard: heard.promise })
            // Not before: a second speaker with the same id, who is refused, must not take this one's place.
            unconfirmed.set(message.messageId, heard.resolve)
            write({ kind: 'reply', text })
            const late = setTimeout(() => heard.reject(new Error('not confirmed')), CONFIRM_TIMEOUT_MS)
            await heard.promise.finally(() => {
              clearTimeout(late)
              unconfirmed.delete(message.messageId)
            })
          } catch (error) {
            write({ kind: 'error', error: fault(error) })
          }
          if (!gone.signal.aborted) controller.close()
        },
        cancel: () => gone.abort(new NodeError('NOT_RUNNING', 'the speaker has gone')),
      })
      return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } })
    },
    heard: (id) => {
      const confirm = unconfirmed.get(id)
      confirm?.()
      return confirm !== undefined
    },
  }
}
