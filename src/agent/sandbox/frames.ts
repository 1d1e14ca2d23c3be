/**
 * What travels between the node and the file worker: JSON documents, each after its length in bytes (unsigned 32 bit, little
 * endian). Shared by both sides, so it imports nothing from outside of this folder.
 */

const HEADER_BYTES = 4

/** The largest file content, with every character escaped as \uXXXX. */
export const REQUEST_BYTES_MAX = 64 * 1024 * 1024
/** What one search may find, lines or files. */
export const SEARCH_MATCHES_MAX = 1000
/** As many paths of 4 KiB, with every character escaped; whoever sends more than that is not our worker any more. */
export const ANSWER_BYTES_MAX = 32 * 1024 * 1024

/** @throws {RangeError} when the document is longer than the reader will take. */
export const encodeFrame = (document: unknown, bytesMax: number): Uint8Array => {
  const body = Buffer.from(JSON.stringify(document))
  if (body.length > bytesMax) throw new RangeError(`a frame of ${body.length} bytes is over the limit of ${bytesMax}`)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + body.length)
  frame.writeUInt32LE(body.length)
  body.copy(frame, HEADER_BYTES)
  return frame
}

/**
 * Cuts a byte stream into documents, however its chunks fall.
 * @throws {RangeError} on a frame over the limit, {SyntaxError} on a body that is not JSON; the stream is then unusable.
 */
export const readFrames = async function* (
  stream: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<unknown, void, void> {
  let chunks: Uint8Array[] = []
  let available = 0
  let wanted = HEADER_BYTES
  for await (const chunk of stream) {
    chunks.push(chunk)
    available += chunk.length
    if (available < wanted) continue // joined only when a frame is complete, so a long one is not copied per chunk
    let buffer = Buffer.concat(chunks)
    for (wanted = frameBytes(buffer, bytesMax); buffer.length >= wanted; wanted = frameBytes(buffer, bytesMax)) {
      yield JSON.parse(buffer.toString('utf8', HEADER_BYTES, wanted))
      buffer = buffer.subarray(wanted)
    }
    chunks = [buffer]
    available = buffer.length
  }
}

/** Size of the frame that starts the buffer, header included; the header alone while that is incomplete. */
const frameBytes = (buffer: Buffer, bytesMax: number): number => {
  if (buffer.length < HEADER_BYTES) return HEADER_BYTES
  const bodyBytes = buffer.readUInt32LE(0)
  if (bodyBytes > bytesMax) throw new RangeError(`a frame of ${bodyBytes} bytes is over the limit of ${bytesMax}`)
  return HEADER_BYTES + bodyBytes
}
