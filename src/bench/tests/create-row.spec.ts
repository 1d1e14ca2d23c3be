import { describe, expect, test } from 'bun:test'
import { createRow, type RowSamples } from '../create-row.ts'

const row = (given: Partial<RowSamples>) => createRow({ name: 'a', unit: 'ms', samples: [1, 2, 9], ...given })
const floor = { what: 'bare', samples: [1, 4, 1] }

describe('a row', () => {
  test('holds medians and their ratio', () => {
    expect(row({ floor })).toMatchObject({ value: 2, floor: { what: 'bare', value: 1 }, ratio: 2, p99: null })
  })

  test('without a floor has no ratio, and neither has one whose floor costs nothing', () => {
    expect(row({})).toMatchObject({ floor: null, ratio: null })
    expect(row({ floor: { what: 'bare', samples: [0] } })).toMatchObject({ floor: { value: 0 }, ratio: null })
  })

  test('takes its p99 from single calls where its samples are means of batches', () => {
    const tail = Array.from({ length: 200 }, (_, index) => index)
    expect(row({ tail })).toMatchObject({ value: 2, p99: 197 })
  })
})

describe('a goal', () => {
  test('says each of its limits and is met when all hold', () => {
    const goal = { valueMax: 2, ratioMax: 2, claim: { text: 'stable', holds: true } }
    expect(row({ floor, goal })).toMatchObject({ goal: '<= 2 ms, <= 2x, stable', met: true })
  })

  test.each([
    ['the value', { valueMax: 1.9 }],
    ['the ratio', { ratioMax: 1.9 }],
    ['the claim', { valueMax: 2, claim: { text: 'stable', holds: false } }],
    ['a p99 of too few samples', { p99Max: 1000 }],
  ])('is missed by %s alone', (_, goal) => {
    expect(row({ floor, goal }).met).toBe(false)
  })

  test('for a ratio is missed when there is no floor to hold it against', () => {
    expect(row({ goal: { ratioMax: 2 } }).met).toBe(false)
  })

  test('that is absent is neither met nor missed', () => {
    expect(row({})).toMatchObject({ goal: '', met: null })
  })
})
