import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { splitText } from '../split-text.ts'

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
const graphemesOf = (text: string) => [...segmenter.segment(text)].length
const visible = (text: string) => text.replace(/\s/gu, '')

const plain = (graphemesMax: number | null, bytesMax: number | null = null) => ({
  ...{ graphemesMax, bytesMax, markdown: false },
})

describe('a long text', () => {
  test('is cut behind a paragraph, else a line, else a word, else between characters', () => {
    expect(splitText('one two three\n\nfour five', plain(18))).toEqual(['one two three', 'four five'])
    expect(splitText('one two three\nfour five', plain(18))).toEqual(['one two three', 'four five'])
    expect(splitText('one two three four five', plain(15))).toEqual(['one two three', 'four five'])
    expect(splitText('abcdefghij', plain(4))).toEqual(['abcd', 'efgh', 'ij'])
  })

  test('that fits is one part, letter for letter', () => {
    expect(splitText(' a\n\n b ', plain(7))).toEqual([' a\n\n b '])
    expect(splitText('x'.repeat(100_000), plain(null))).toHaveLength(1)
  })

  test('is cut between grapheme clusters, and by bytes where those are the tighter limit', () => {
    const family = '👨‍👩‍👧‍👦'
    expect(splitText(family.repeat(5), plain(2))).toEqual([family.repeat(2), family.repeat(2), family])
    const parts = splitText(family.repeat(600), plain(1000, 10_000))
    expect(parts.every((part) => Buffer.byteLength(part) <= 10_000)).toBe(true)
    expect(parts.join('')).toBe(family.repeat(600))
  })

  test('keeps the indentation of the line after a cut', () => {
    expect(splitText('first line here\n    indented', plain(16))).toEqual(['first line here', '    indented'])
  })

  const piece = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.constantFrom(
      ' ',
      '\n',
      '\n\n',
      '\r\n',
      '\t',
      '👨‍👩‍👧‍👦',
      'e\u0301',
      'word ',
      '```\n',
      '```ts\n',
      '~~~\n',
      'a'.repeat(30),
    ),
  )
  const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''))

  test('never has a part over a limit, keeps the order, and loses nothing but white space at the cuts', () => {
    fc.assert(
      fc.property(
        text,
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 4, max: 120 }),
        (given, graphemesMax, bytesMax) => {
          const parts = splitText(given, plain(graphemesMax, bytesMax))
          for (const part of parts) {
            expect(graphemesOf(part)).toBeLessThanOrEqual(graphemesMax)
            expect(Buffer.byteLength(part)).toBeLessThanOrEqual(bytesMax)
          }
          let at = 0
          for (const part of parts) {
            const found = given.indexOf(part, at)
            expect(found).toBeGreaterThanOrEqual(0)
            expect(visible(given.slice(at, found))).toBe('')
            at = found + part.length
          }
          expect(visible(given.slice(at))).toBe('')
        },
      ),
      { numRuns: 300 },
    )
  })

  test('with code fences never has a part over a limit either, nor one that ends inside a fence', () => {
    const code = fc.tuple(
      fc.constantFrom('```', '~~~', '````'),
      fc.constantFrom('', 'ts'),
      fc.array(fc.stringMatching(/^[a-z ]{0,20}$/), { maxLength: 20 }),
    )
    const block = code.map(([mark, info, lines]) => `${mark}${info}\n${lines.join('\n')}\n${mark}`)
    const document = fc
      .array(fc.oneof(block, fc.stringMatching(/^[a-z .]{0,60}$/)), { maxLength: 8 })
      .map((blocks) => blocks.join('\n\n'))
    fc.assert(
      fc.property(document, fc.integer({ min: 40, max: 90 }), (given, graphemesMax) => {
        const parts = splitText(given, { graphemesMax, bytesMax: null, markdown: true })
        for (const part of parts) {
          expect(graphemesOf(part)).toBeLessThanOrEqual(graphemesMax)
          let open: string | null = null
          for (const [, mark = '', info = ''] of part.matchAll(/^(`{3,}|~{3,})(.*)$/gm)) {
            if (open === null) open = mark
            else if (mark.startsWith(open) && info === '') open = null
          }
          expect(open).toBeNull()
        }
        const words = (from: string) => visible(from.replace(/^(?:`{3,}|~{3,}).*$/gm, ''))
        expect(words(parts.join('\n'))).toBe(words(given))
      }),
      { numRuns: 300 },
    )
  })

  test('opens a fence again with its language', () => {
    const given = `\`\`\`ts\n${'const a = 1\n'.repeat(6)}\`\`\``
    const parts = splitText(given, { graphemesMax: 50, bytesMax: null, markdown: true })
    expect(parts.length).toBeGreaterThan(1)
    expect(parts.every((part) => part.startsWith('```ts\n') && part.endsWith('\n```'))).toBe(true)
  })
})
