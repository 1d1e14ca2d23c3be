import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createFrameReader, decodeFrame, encodeFrame, REQUEST_BYTES_MAX } from '../keeper-protocol.ts'
import { serveStdio } from '../serve-keeper.ts'
import { createTestHome, request, ruleText } from './keeper-fixture.ts'

/** The stream in pieces of the given sizes. */
const cut = (bytes: Uint8Array, sizes: readonly number[]): readonly Uint8Array[] => {
  const chunks: Uint8Array[] = []
  let at = 0
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return [...chunks, bytes.subarray(at)]
}

const stream = async function* (chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

describe('frames', () => {
  test('come back as they were sent, however the bytes fall', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: 5 }), fc.array(fc.nat(20)), (documents, sizes) => {
        const bytes = Buffer.concat(documents.map((document) => encodeFrame(document, REQUEST_BYTES_MAX)))
        const reader = createFrameReader(REQUEST_BYTES_MAX)
        const decoded = cut(bytes, sizes).flatMap((chunk) => (reader.push(chunk) ?? []).map(decodeFrame))
        expect(decoded).toEqual(documents.map((document) => JSON.parse(JSON.stringify(document))))
      }),
    )
  })

  test('over the limit are refused before their bytes come', () => {
    const header = Buffer.alloc(4)
    header.writeUInt32BE(11)
    expect(createFrameReader(10).push(header)).toBeNull()
    expect(() => encodeFrame('a'.repeat(10), 10)).toThrow(RangeError)
  })
})

describe('a keeper that is sent anything', () => {
  test('answers ten thousand random frames, adds nothing, and then a rule', async () => {
    using home = createTestHome()
    const keeper = home.open()
    const before = JSON.stringify(keeper.handle({ op: 'public-keys' }))
    const sample = fc.sample(
      fc.oneof(
        fc.uint8Array({ maxLength: 64 }),
        fc.json().map((text) => Buffer.from(text)),
        // Almost a request.
        fc
          .record({
            op: fc.constantFrom('append', 'sign-decision-head', 'public-keyz'),
            name: fc.string(),
            extra: fc.json(),
          })
          .map((document) => Buffer.from(JSON.stringify(document))),
      ),
      { numRuns: 10_000, seed: 1 },
    )
    let answers = 0
    for (const body of sample) {
      const header = Buffer.alloc(4)
      header.writeUInt32BE(body.length)
      const reply = (answer: Uint8Array) => {
        expect(decodeFrame(answer.subarray(4))).toMatchObject({ ok: false, code: 'USAGE' })
        answers++
      }
      await serveStdio(keeper, { input: stream([header, body]), reply })
    }
    expect(answers).toBe(10_000)
    expect(JSON.stringify(keeper.handle({ op: 'public-keys' }))).toBe(before)
    expect(keeper.handle(request('no-pay'))).toMatchObject({ ok: true })
  })

  test('answers random bytes at most once, and waits for what they promise', async () => {
    using home = createTestHome()
    const keeper = home.open()
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(50)), async (bytes, sizes) => {
        const answers: unknown[] = []
        const reply = (answer: Uint8Array) => answers.push(decodeFrame(answer.subarray(4)))
        await serveStdio(keeper, { input: stream(cut(bytes, sizes)), reply })
        for (const answer of answers) expect(answer).toMatchObject({ ok: false })
      }),
      { numRuns: 300 },
    )
  })

  test('takes the largest rule that there can be', async () => {
    using home = createTestHome()
    const source = ruleText('large')
    const large = request('large', {
      source: `${source}//${'\u0007'.repeat(32 * 1024 - source.length - 2)}`,
      who: '\u0007'.repeat(256),
      intent: '\u0007'.repeat(2000),
    })
    const answers: unknown[] = []
    const frame = encodeFrame(large, REQUEST_BYTES_MAX)
    await serveStdio(home.open(), {
      input: stream(cut(frame, [3, 1, 100_000])),
      reply: (answer) => answers.push(decodeFrame(answer.subarray(4))),
    })
    expect(answers).toEqual([expect.objectContaining({ ok: true })])
  })
})
