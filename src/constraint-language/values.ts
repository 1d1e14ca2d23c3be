/** Run-time checks of values: whatever an operation cannot take is a fault, never a conversion. */
export type Fault = (reason: string) => never

export const asText = (fault: Fault, value: unknown): string =>
  typeof value === 'string' ? value : fault(`needs a string and got ${describe(value)}`)

export const asNumber = (fault: Fault, value: unknown): number =>
  typeof value === 'number' && !Number.isNaN(value) ? value : fault(`needs a number and got ${describe(value)}`)

export const asArray = (fault: Fault, value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : fault(`needs an array and got ${describe(value)}`)

/** JavaScript's truth of a value, except that NaN has none: it is what an unreadable number became. */
export const isTrue = (fault: Fault, value: unknown): boolean => {
  if (typeof value === 'boolean') return value
  return Number.isNaN(value) ? fault('needs true or false and got NaN') : Boolean(value)
}

/** Text of a value for templates, `String` and `join`: NaN and whatever has parts is a fault. */
export const asPrinted = (fault: Fault, value: unknown): string => {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return String(asNumber(fault, value))
  return typeof value === 'boolean' || value === null ? String(value) : fault(`cannot print ${describe(value)}`)
}

/** Charges steps to a running predicate. */
export const spend = (fault: Fault, meter: { left: number }, steps: number): void => {
  meter.left -= steps
  if (meter.left < 0) fault('the step limit is exceeded')
}

/** Characters of two equal texts that are compared within a step, and how many cost nothing worth counting. */
export const COMPARED_PER_STEP = 256

/** Charges for a comparison: only texts of one length are compared further. */
export const spendOnEquality = (fault: Fault, meter: { left: number }, [a, b]: readonly [unknown, unknown]): void => {
  if (typeof a !== 'string' || typeof b !== 'string' || a.length !== b.length) return
  if (a.length > COMPARED_PER_STEP) spend(fault, meter, a.length / COMPARED_PER_STEP)
}

/** Names a value for a fault; contents of the event stay out of it. */
export const describe = (value: unknown): string => {
  if (value === null) return 'null'
  if (value === undefined) return 'a missing value'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'number') return Number.isNaN(value) ? 'NaN' : 'a number'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
