import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { escapeUnsafeCharacters } from '../escape-unsafe-characters.ts'

describe('text for a terminal', () => {
  test.each([
    ['an escape sequence', 'a\u001b[2Jb', 'a\\u{1b}[2Jb'],
    ['a carriage return that would hide what is before it', 'rm -rf /\rls', 'rm -rf /\\u{d}ls'],
    ['a reversing mark', 'a\u202egpj.exe', 'a\\u{202e}gpj.exe'],
    ['an isolate', '\u2066x\u2069', '\\u{2066}x\\u{2069}'],
    ['a zero-width space', 'pay\u200bpal', 'pay\\u{200b}pal'],
    ['a byte order mark', '\ufeffx', '\\u{feff}x'],
    ['a C1 control', 'a\u009b1m', 'a\\u{9b}1m'],
    ['a variation selector', 'a\ufe0fb', 'a\\u{fe0f}b'],
    ['a joiner without a shape', 'a\u034fb', 'a\\u{34f}b'],
    ['a character of private use', 'a\ue000b', 'a\\u{e000}b'],
    ['a musical format character', 'a\u{1d173}b', 'a\\u{1d173}b'],
    ['half a character', 'a\ud800b', 'a\\u{d800}b'],
    ['a tag character', 'a\u{e0041}b', 'a\\u{e0041}b'],
  ])('shows %s', (_, text, shown) => {
    expect(escapeUnsafeCharacters(text)).toBe(shown)
  })

  test('keeps lines, tabs, letters of all scripts and emoji as they are', () => {
    const text = 'Zeile\n\tTab é 漢字 עברית 🦄'
    expect(escapeUnsafeCharacters(text)).toBe(text)
  })

  test('never holds a control character afterwards, whatever it was', () => {
    const any = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) })
    fc.assert(
      fc.property(any, (text) => {
        expect(escapeUnsafeCharacters(text)).not.toMatch(/[^\P{Cc}\n\t]/u)
      }),
    )
  })
})
