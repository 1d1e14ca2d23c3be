/**
 * Watches the body of a model's answer while passing it on. Neither Bun nor the SDK ends a stream that has fallen
 * silent, and the SDK hides pings, so silence can only be noticed here: every chunk, a ping included, is life.
 *
 * The body is pulled and never read ahead. What was found is therefore never ahead of what the reader has processed,
 * which tells an end of stream from an answer that does not parse; and a slow reader is not mistaken for silence.
 */
import { ModelError, type ModelUsage } from './model.types.ts'

/** Bytes of one answer. 128k tokens of output are about 20 MB as events; more is a broken or hostile server. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024

/** `onFault` is told what went wrong before the reader sees it; `onEnd` that the body ended in good order. */
export type BodyWatch = {
  readonly idleTimeoutMs: number
  readonly bytesMax?: number
  readonly onFault: (fault: ModelError) => void
  readonly onEnd: () => void
}

/** The same bytes; the stream fails with a `ModelError` when the source breaks, falls silent or grows too large. */
export const watchBody = (
  body: ReadableStream<Uint8Array>,
  { idleTimeoutMs, bytesMax = ANSWER_BYTES_MAX, onFault, onEnd }: BodyWatch,
): ReadableStream<Uint8Array> => {
  const reader = body.getReader()
  let bytes = 0
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const chunk = await readWatched(() => reader.read(), idleTimeoutMs)
        if (chunk instanceof Uint8Array) {
          bytes += chunk.byteLength
          if (bytes <= bytesMax) return controller.enqueue(chunk)
        }
        if (chunk === 'end') {
          onEnd()
          return controller.close()
        }
        const fault =
          chunk instanceof ModelError
            ? chunk
            : new ModelError('malformed', `the model's answer is larger than ${bytesMax} bytes`)
        onFault(fault)
        controller.error(fault)
        // Not awaited: a server that is silent may be as slow to close, and nobody waits for it any more.
        reader.cancel(fault).catch(() => undefined)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

export const silenceError = (
  ms: number,
  options: { readonly usage?: ModelUsage; readonly cause?: unknown } = {},
): ModelError => new ModelError('silent', `the model service was silent for ${ms / 1000} s`, options)

const readWatched = async (
  read: () => Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>,
  idleTimeoutMs: number,
): Promise<Uint8Array | 'end' | ModelError> => {
  const { promise: silence, resolve } = Promise.withResolvers<ModelError>()
  const timer = setTimeout(() => resolve(silenceError(idleTimeoutMs)), idleTimeoutMs)
  try {
    const result = await Promise.race([read(), silence])
    return result instanceof ModelError ? result : (result.value ?? 'end')
  } catch (cause) {
    return new ModelError('unreachable', 'the connection to the model service broke', { cause })
  } finally {
    clearTimeout(timer)
  }
}
