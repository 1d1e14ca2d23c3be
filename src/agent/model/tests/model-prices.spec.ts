import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { ModelPrice, ModelUsage } from '../model.types.ts'
import { affordableOutputTokens, costMicros, MODEL_PRICES, priceOf, worstCaseMicros } from '../model-prices.ts'

const usage = (counts: Partial<ModelUsage>): ModelUsage => ({
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  ...counts,
})

const known = (model: string): ModelPrice => {
  const price = priceOf(model)
  if (!price) throw new Error(`no price for ${model}`)
  return price
}

describe('prices', () => {
  test('an unlisted model has no price, which is not zero', () => {
    expect(priceOf('claude-sonnet-9')).toBeNull()
    expect(priceOf('')).toBeNull()
  })

  test('a dated snapshot costs what its alias costs', () => {
    expect(priceOf('claude-sonnet-5-5-20261101')).toEqual(known('claude-sonnet-5-5'))
  })

  test('every price is a whole number, and the table says how old it is', () => {
    for (const { input, output, cacheRead, cacheWrite } of MODEL_PRICES.byModel.values()) {
      for (const micros of [input, output, cacheRead, cacheWrite]) expect(Number.isSafeInteger(micros)).toBe(true)
    }
    expect(MODEL_PRICES.asOf).toMatch(/^\d{4}-\d\d-\d\d$/)
  })
})

describe('cost', () => {
  test.each([
    ['claude-sonnet-5-5', { inputTokens: 1_000_000, outputTokens: 1_000_000 }, 12_000_000],
    ['claude-opus-5-5', { cacheReadTokens: 1_000_000, cacheWriteTokens: 1_000_000 }, 5_200_000],
    ['claude-fable-5-2', { outputTokens: 1 }, 40],
    ['claude-haiku-5-5', { inputTokens: 100_000 }, 10_000],
    ['claude-haiku-5-5', { inputTokens: 100_001, outputTokens: 1_000 }, 52_501],
    ['claude-haiku-5-5', { cacheReadTokens: 200_000 }, 10_000],
  ] as const)('of %s for %o is %d micro-dollars', (model, counts, micros) => {
    expect(costMicros(usage(counts), known(model))).toBe(micros)
  })

  test('a fraction of a micro-dollar is rounded up', () => {
    expect(costMicros(usage({ inputTokens: 1 }), known('claude-haiku-5-5'))).toBe(1)
  })

  test('no usage within the worst case costs more than it', () => {
    const tokens = fc.nat({ max: 400_000 })
    fc.assert(
      fc.property(
        fc.constantFrom(...MODEL_PRICES.byModel.values()),
        fc.record({ inputTokens: tokens, cacheReadTokens: tokens, cacheWriteTokens: tokens, outputTokens: tokens }),
        (price, counts) => {
          const inputTokens = counts.inputTokens + counts.cacheReadTokens + counts.cacheWriteTokens
          const worst = worstCaseMicros({ inputTokens, outputTokens: counts.outputTokens, price })
          expect(worst).toBeGreaterThanOrEqual(costMicros(counts, price))
          expect(Number.isSafeInteger(worst)).toBe(true)
        },
      ),
    )
  })

  test('of the longest answer that can be paid for is within the money, and of one token more is not', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...MODEL_PRICES.byModel.values()),
        fc.nat({ max: 400_000 }),
        fc.nat({ max: 50_000_000 }),
        (price, inputTokens, micros) => {
          const outputTokens = affordableOutputTokens({ inputTokens, micros, price })
          const costs = (tokens: number) => worstCaseMicros({ inputTokens, outputTokens: tokens, price })
          if (outputTokens >= 0) expect(costs(outputTokens)).toBeLessThanOrEqual(micros)
          expect(costs(Math.max(outputTokens + 1, 0))).toBeGreaterThan(micros)
        },
      ),
    )
  })
})
