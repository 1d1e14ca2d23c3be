import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { findLinks } from '../link-facets.ts'

const linked = (text: string) => {
  const bytes = Buffer.from(text)
  return findLinks(text).map(({ index, features }) => [
    bytes.subarray(index.byteStart, index.byteEnd).toString(),
    features[0]?.uri,
  ])
}

describe('links of a text', () => {
  test.each([
    ['see https://example.com/a?b=c.', ['https://example.com/a?b=c']],
    ['(http://example.com/x), then https://b.example!', ['http://example.com/x', 'https://b.example']],
    ['👩‍👩‍👧 über https://example.com', ['https://example.com']],
  ])('%p', (text, expected) => {
    expect(linked(text)).toEqual(expected.map((uri) => [uri, uri]))
  })

  test.each([
    'https://evil[.]example/x',
    'evil.example',
    'https://evil',
    'javascript://evil.example',
    'https://[::1]/',
    'ftp://a.example',
  ])('are not made of %s', (text) => {
    expect(linked(text)).toEqual([])
  })

  test('lie at whole characters of any text, one after the other', () => {
    const piece = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom(' https://a.example ', 'http://b.example/'))
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join('')
        let end = 0
        for (const { index, features } of findLinks(text)) {
          expect(index.byteStart).toBeGreaterThanOrEqual(end)
          end = index.byteEnd
          expect(Buffer.from(text).subarray(index.byteStart, end).toString()).toBe(features[0]?.uri ?? '')
        }
      }),
    )
  })
})
