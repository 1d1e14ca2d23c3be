import { NodeError } from '../utils/node-error.ts'

/** A whole number given as an option. @throws {NodeError} USAGE naming the option and its range. */
export const parseCount = (
  value: string | true | undefined,
  {
    option,
    fallback,
    min,
    max,
  }: { readonly option: string; readonly fallback: number; readonly min: number; readonly max: number },
): number => {
  if (value === undefined) return fallback
  const count = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
  if (count >= min && count <= max) return count
  throw new NodeError('USAGE', `${option} takes a whole number from ${min} to ${max}`, {
    hint: `write ${option} ${Math.max(min, 1)}`,
  })
}
