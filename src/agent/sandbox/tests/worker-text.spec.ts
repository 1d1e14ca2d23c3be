import { describe, expect, test } from 'bun:test'
import { constantFrom, property, string, assert as verify } from 'fast-check'
import { parseRequest } from '../worker/parse-request.ts'
import { Refusal } from '../worker/refusal.ts'
import { replaceText } from '../worker/replace-text.ts'
import { LINES_MAX, SHOWN_BYTES_MAX, showLines } from '../worker/show-lines.ts'

const whole = { offset: null, limit: null }
const lines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join('')

describe('showing lines', () => {
  test('a text within the limits is shown as it is', () => {
    void verify(property(string({ maxLength: 200 }), (text) => showLines(text, whole).text === text))
    for (const text of ['', '\n', 'a', 'a\n', 'a\r\nb', '\ufeffa\n\n'])
      expect(showLines(text, whole)).toEqual({ text, truncated: false })
  })

  test('a long text is cut at a line, and says where to read on', () => {
    const first = showLines(lines(LINES_MAX + 5), whole)
    expect(first.truncated).toBe(true)
    expect(first.text).toEndWith(
      `line ${LINES_MAX}\n[lines 1 to ${LINES_MAX} of ${LINES_MAX + 5}; read on with offset ${LINES_MAX + 1}]`,
    )
    const rest = showLines(lines(LINES_MAX + 5), { offset: LINES_MAX + 1, limit: null })
    expect(rest).toEqual({
      text: lines(LINES_MAX + 5)
        .split(/(?<=\n)/)
        .slice(LINES_MAX)
        .join(''),
      truncated: false,
    })
  })

  test('offset and limit choose lines', () => {
    expect(showLines(lines(5), { offset: 2, limit: 2 }).text).toBe(
      'line 2\nline 3\n[lines 2 to 3 of 5; read on with offset 4]',
    )
    expect(showLines(lines(5), { offset: 5, limit: 10 })).toEqual({ text: 'line 5\n', truncated: false })
    expect(() => showLines(lines(5), { offset: 6, limit: null })).toThrow('it has 5 lines')
  })

  test('a line longer than the limit is cut at a whole character', () => {
    const shown = showLines(`${'€'.repeat(SHOWN_BYTES_MAX)}\nnext\n`, whole)
    expect(shown.truncated).toBe(true)
    expect(shown.text).toMatch(/^€+\n\[line 1 is longer than 51200 bytes; the rest of it is cut\]$/)
  })
})

describe('replacing text', () => {
  const replace = (text: string, oldString: string, newString: string, replaceAll = false) =>
    replaceText(text, { oldString, newString, replaceAll })

  test('one occurrence is replaced, and nothing around it changes', () => {
    void verify(
      property(
        string(),
        string(),
        string(),
        (before, after, replacement) =>
          replace(`${before}\u0001${after}`, '\u0001', replacement).text === `${before}${replacement}${after}`,
      ),
    )
  })

  test('the new text is literal, whatever String.replace would make of it', () => {
    for (const literal of ['$&', '$1', '$$', "$'", '$`']) {
      expect(replace('a b c', 'b', literal).text).toBe(`a ${literal} c`)
      expect(replace('b b', 'b', literal, true)).toEqual({ text: `${literal} ${literal}`, count: 2 })
    }
  })

  test('an absent, ambiguous, empty or unchanged old string is refused', () => {
    for (const [text, oldString, newString] of [
      ['abc', 'x', 'y'],
      ['abab', 'ab', 'y'],
      ['aaa', 'aa', 'y'], // overlapping
      ['abc', '', 'y'],
      ['abc', 'b', 'b'],
    ] as const)
      expect(() => replace(text, oldString, newString)).toThrow(Refusal)
  })
})

test('what would be over the limit of a file is refused before it is put together', () => {
  const many = { oldString: 'a', newString: 'x'.repeat(1_000_000), replaceAll: true }
  expect(() => replaceText('a'.repeat(1_000_000), many)).toThrow(Refusal)
  expect(replaceText('a'.repeat(8), many).text.length).toBe(8_000_000)
})

describe('requests', () => {
  const good = { id: 1, operation: { kind: 'read', path: '/workspace/a', offset: null, limit: null } }

  test('what the node sends is taken', () => {
    expect(parseRequest(good)).toEqual(good as ReturnType<typeof parseRequest>)
  })

  test('anything else is not', () => {
    void verify(
      property(constantFrom<unknown>(null, 1, 'read', [], {}, { id: 1 }, { ...good, id: '1' }), (document) => {
        expect(() => parseRequest(document)).toThrow(TypeError)
      }),
    )
    for (const operation of [
      { kind: 'bash', command: 'true' },
      { kind: 'constructor' },
      { kind: 'read', path: 1, offset: null, limit: null },
      { kind: 'write', path: '/workspace/a' },
    ])
      expect(() => parseRequest({ id: 1, operation })).toThrow(TypeError)
  })
})
