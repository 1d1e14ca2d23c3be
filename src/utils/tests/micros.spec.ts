import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { formatMicros, parseMicros } from '../micros.ts'

describe('micro-units of money', () => {
  test('survive being written and read, exactly', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (micros) => {
        const parsed = parseMicros(formatMicros(micros))
        // Beyond what stays exact in sums an amount is refused, never rounded.
        if (parsed === null) expect(micros).toBeGreaterThan(9_000_000_000_000_000)
        else expect(parsed).toBe(micros)
      }),
    )
  })

  test.each([
    ['0', 0],
    ['6.5', 6_500_000],
    ['0.000001', 1],
    ['10', 10_000_000],
    ['007', 7_000_000],
    ['1.10', 1_100_000],
  ])('are read from %p as %d', (text, micros) => {
    expect(parseMicros(text)).toBe(micros)
  })

  test.each([
    '',
    '-1',
    '+1',
    '.5',
    '1.',
    '1e3',
    '0x10',
    '1,5',
    ' 1',
    '1 ',
    '1\n',
    'NaN',
    'Infinity',
    '0.0000001',
    '99999999999',
    '１',
  ])('are not read from %p', (text) => {
    expect(parseMicros(text)).toBeNull()
  })

  test('are written without trailing zeros', () => {
    expect([0, 1, 500_000, 1_000_000, 12_340_000].map(formatMicros)).toEqual(['0', '0.000001', '0.5', '1', '12.34'])
  })
})
