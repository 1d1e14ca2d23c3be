import type { CharacterSet } from './character-set.ts'

/** A pattern as it was read, without groups and laziness, which do not matter to whether it matches. */
export type PatternTree =
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'assertion'; readonly holds: 'at-start' | 'at-end' | 'at-word-edge' | 'off-word-edge' }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly PatternTree[] }
  | { readonly kind: 'repetition'; readonly part: PatternTree; readonly min: number; readonly max: number }
