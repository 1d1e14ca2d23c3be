import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createConfirmationCode, maskCodes } from '../confirmation-code.ts'

const CODE = 'bcdfghjk'
const isValid = (code: string): boolean => code === CODE

describe('what is stored for a model', () => {
  test.each([
    ['bcdfghjk', '(a code)'],
    ['is it BCDFghjk?', 'is it (a code)?'],
    ['b c d f\ng-h.j\u200bk, yes', '(a code), yes'],
    ['zzbcdfghjkzz', 'zz(a code)zz'],
    ['bcdfghjkbcdfghjk', '(a code)(a code)'],
    ['bcdfghjx and bcdf1ghjk', 'bcdfghjx and bcdf1ghjk'],
  ])('holds no valid code: %j', (text, masked) => {
    expect(maskCodes(text, isValid)).toBe(masked)
  })

  test('never holds one, whatever is around it and between its letters, and keeps all else', () => {
    const mark = fc.constantFrom('', ' ', '-', '.', '\n', '\u200b')
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.array(mark, { minLength: 8, maxLength: 8 }), (before, after, marks) => {
        const code = createConfirmationCode()
        const said = [...code].map((letter, at) => letter + (marks[at] ?? '')).join('')
        const masked = maskCodes(`${before}0${said}0${after}`, (it) => it === code)
        expect(masked).toBe(`${before}0(a code)${marks[7] ?? ''}0${after}`)
      }),
    )
  })
})
