/** Freezes a value without cycles and everything reachable from it; returns the same value. */
export const deepFreeze = <T>(value: T): T => {
  if (value === null || typeof value !== 'object') return value
  for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}
