import { expect, test } from 'bun:test'
import { array, asyncProperty, integer, jsonValue, assert as verify } from 'fast-check'
import { encodeFrame, readFrames } from '../frames.ts'

const BYTES_MAX = 1024 * 1024

const streamOf = async function* (chunks: readonly Uint8Array[]) {
  yield* chunks
}

const collect = async (chunks: readonly Uint8Array[], bytesMax = BYTES_MAX): Promise<unknown[]> => {
  const documents: unknown[] = []
  for await (const document of readFrames(streamOf(chunks), bytesMax)) documents.push(document)
  return documents
}

const cut = (bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] => {
  const chunks: Uint8Array[] = []
  let position = 0
  for (const size of sizes) {
    chunks.push(bytes.subarray(position, position + size))
    position += size
  }
  return [...chunks, bytes.subarray(position)]
}

test('documents come out as they went in, however the stream is cut', async () => {
  await verify(
    asyncProperty(
      array(jsonValue(), { maxLength: 5 }),
      array(integer({ min: 0, max: 40 })),
      async (documents, sizes) => {
        const bytes = Buffer.concat(documents.map((document) => encodeFrame(document, BYTES_MAX)))
        const expected: unknown = JSON.parse(JSON.stringify(documents))
        expect(await collect(cut(bytes, sizes))).toEqual(expected as unknown[])
      },
    ),
    { numRuns: 200 },
  )
})

test('a frame over the limit is refused before it is read', async () => {
  const header = Buffer.alloc(4)
  header.writeUInt32LE(BYTES_MAX + 1)
  await expect(collect([header])).rejects.toBeInstanceOf(RangeError)
  expect(() => encodeFrame('x'.repeat(20), 10)).toThrow(RangeError)
})

test('a body that is not JSON ends the stream with an error', async () => {
  await expect(collect([Buffer.from([3, 0, 0, 0, 0x7b, 0x7b, 0x7b])])).rejects.toBeInstanceOf(SyntaxError)
})

test('an incomplete last frame is dropped', async () => {
  const frame = encodeFrame({ whole: true }, BYTES_MAX)
  expect(await collect([frame, frame.subarray(0, 7)])).toEqual([{ whole: true }])
})
