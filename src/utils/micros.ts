/** Money as integer micro-units (1 USD = 1,000,000): exact in sums, unlike a float. */
export const MICROS_PER_UNIT = 1_000_000

/** Amounts that stay exact as a JavaScript number. */
const UNITS_MAX = Math.floor(Number.MAX_SAFE_INTEGER / MICROS_PER_UNIT) - 1

/** `12.5` -> 12_500_000; null when the text is not a non-negative decimal of at most six places. */
export const parseMicros = (decimal: string): number | null => {
  const match = /^(\d{1,10})(?:\.(\d{1,6}))?$/.exec(decimal)
  if (!match) return null
  const units = Number(match[1])
  return units > UNITS_MAX ? null : units * MICROS_PER_UNIT + Number((match[2] ?? '').padEnd(6, '0'))
}

/** 12_500_000 -> `12.5`: the shortest decimal that parses back to the same amount. */
export const formatMicros = (micros: number): string => {
  const units = Math.floor(micros / MICROS_PER_UNIT)
  const rest = String(micros % MICROS_PER_UNIT)
    .padStart(6, '0')
    .replace(/0+$/, '')
  return rest ? `${units}.${rest}` : `${units}`
}
