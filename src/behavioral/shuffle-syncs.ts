import type { RulesFunction } from './behavioral.types.ts'

/** The rules in random order, all orders equally likely. */
export const shuffleSyncs = (...rules: RulesFunction[]): RulesFunction[] => {
  // Fisher-Yates: each round moves one of the remaining rules behind them, where it stays.
  for (let remaining = rules.length; remaining > 1; remaining -= 1) {
    const picked = rules.splice(Math.floor(Math.random() * remaining), 1)
    rules.splice(remaining - 1, 0, ...picked)
  }
  return rules
}
