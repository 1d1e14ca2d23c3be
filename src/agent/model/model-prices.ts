import type { ModelPrice, ModelUsage } from './model.types.ts'

/**
 * What Anthropic's models cost, in micro-dollars per million tokens: 2_000_000 is $2 per million.
 * The figures are third-party data, so a bill may differ; the owner's limits use them because a limit needs a number.
 */
export const MODEL_PRICES: {
  readonly asOf: string
  readonly source: string
  readonly byModel: ReadonlyMap<string, ModelPrice>
} = {
  asOf: '2026-11-20',
  source: 'pi-ai 1.5.2',
  byModel: new Map<string, ModelPrice>([
    [
      'claude-haiku-5-5',
      {
        input: 100_000,
        output: 500_000,
        cacheRead: 10_000,
        cacheWrite: 125_000,
        longInput: { aboveTokens: 100_000, factor: 5 },
      },
    ],
    ['claude-sonnet-5-5', { input: 2_000_000, output: 10_000_000, cacheRead: 100_000, cacheWrite: 2_500_000 }],
    ['claude-opus-5-5', { input: 4_000_000, output: 20_000_000, cacheRead: 200_000, cacheWrite: 5_000_000 }],
    ['claude-fable-5-2', { input: 8_000_000, output: 40_000_000, cacheRead: 200_000, cacheWrite: 10_000_000 }],
  ]),
}

const TOKENS_PER_PRICE = 1_000_000

/** A service may answer with the dated snapshot of the alias it was asked for: `claude-haiku-4-5-20251001`. */
const SNAPSHOT_DATE = /-\d{8}$/

/** The price of a model of Anthropic's own service; null when it is unknown, which is not zero. */
export const priceOf = (model: string): ModelPrice | null =>
  MODEL_PRICES.byModel.get(model.replace(SNAPSHOT_DATE, '')) ?? null

/** What a request cost, in whole micro-dollars, rounded up. */
export const costMicros = (usage: ModelUsage, price: ModelPrice): number => {
  const inputTokens = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens
  const perMillion =
    usage.inputTokens * price.input +
    usage.outputTokens * price.output +
    usage.cacheReadTokens * price.cacheRead +
    usage.cacheWriteTokens * price.cacheWrite
  return Math.ceil((perMillion * longInputFactor(inputTokens, price)) / TOKENS_PER_PRICE)
}

/**
 * The most that a request can cost, in whole micro-dollars: every input token at its dearest rate and an answer of
 * `outputTokens`, the full length it may have. A limit that is checked against this before the call cannot be overrun by the call.
 */
export const worstCaseMicros = ({
  inputTokens,
  outputTokens,
  price,
}: {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly price: ModelPrice
}): number => {
  const perMillion = inputTokens * dearestInput(price) + outputTokens * price.output
  return Math.ceil((perMillion * longInputFactor(inputTokens, price)) / TOKENS_PER_PRICE)
}

/** The longest answer, in tokens, that keeps the worst case within `micros`; below 0 when the input alone exceeds it. */
export const affordableOutputTokens = ({
  inputTokens,
  micros,
  price,
}: {
  readonly inputTokens: number
  readonly micros: number
  readonly price: ModelPrice
}): number => {
  const perMillion = (micros * TOKENS_PER_PRICE) / longInputFactor(inputTokens, price)
  return Math.floor((perMillion - inputTokens * dearestInput(price)) / price.output)
}

const dearestInput = (price: ModelPrice): number => Math.max(price.input, price.cacheRead, price.cacheWrite)

const longInputFactor = (inputTokens: number, price: ModelPrice): number =>
  price.longInput && inputTokens > price.longInput.aboveTokens ? price.longInput.factor : 1
