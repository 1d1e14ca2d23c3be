import type { BSync } from './behavioral.types.ts'

/** A rule of one synchronisation point. */
export const bSync: BSync = (idioms) =>
  function* () {
    yield idioms
  }
