import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { median, p99, percentile } from '../statistics.ts'

const samples = fc.array(fc.double({ noNaN: true }), { minLength: 1 })
const fraction = fc.double({ min: 0, max: 1, noNaN: true })

describe('percentile', () => {
  test('is one of the samples, not exceeded by the fraction asked for, and exceeded by no more than the rest', () => {
    fc.assert(
      fc.property(samples, fraction, (values, part) => {
        const found = percentile(values, part)
        expect(values).toContain(found)
        expect(values.filter((value) => value <= found).length).toBeGreaterThanOrEqual(values.length * part)
        expect(values.filter((value) => value < found).length).toBeLessThanOrEqual(values.length * part)
      }),
    )
  })

  test('the order in which samples were taken does not matter, and they stay in it', () => {
    const values = [3, 1, 2]
    expect([median(values), median([1, 2, 3])]).toEqual([2, 2])
    expect(values).toEqual([3, 1, 2])
  })

  test('numbers are ordered as numbers', () => {
    expect(median([9, 10, 100])).toBe(10)
  })

  test('no samples are no figure', () => {
    expect(() => median([])).toThrow(RangeError)
  })
})

describe('p99', () => {
  test('is absent while the largest sample would stand for it', () => {
    const values = Array.from({ length: 100 }, (_, index) => index)
    expect(p99(values.slice(1))).toBeNull()
    expect(p99(values)).toBe(98)
  })
})
