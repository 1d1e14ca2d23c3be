import type { BPEvent } from './behavioral.types.ts'

/** Tells whether a value has the shape of an event: an object with a string `type`. */
export const isBPEvent = (value: unknown): value is BPEvent =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  'type' in value &&
  typeof value.type === 'string'
