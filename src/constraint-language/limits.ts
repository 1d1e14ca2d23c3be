/** Bytes of one rule file: ordinary ones have 400; a file is read by its owner before it is accepted, forever. */
export const SOURCE_BYTES_MAX = 32 * 1024
/** Syntax-tree nodes of one file. 32 KiB of ordinary code has about 8,000. */
export const SYNTAX_NODES_MAX = 10_000
/** Nesting of the syntax tree, so that recursion over it stays far from the end of the stack. */
export const SYNTAX_DEPTH_MAX = 128
/** Rules in one file. */
export const EXPORTS_MAX = 32
/** Elements of one array literal. */
export const ARRAY_ELEMENTS_MAX = 256
/** Helpers are compiled anew at each call, which could double at each level: nodes compiled for one file. */
export const COMPILED_NODES_MAX = 50_000
/** Callbacks and helper calls inside one another. Bounded because each level owns one bit of a 31-bit mask. */
export const CALL_DEPTH_MAX = 20
/** Faults reported at once; more would not be read. */
export const FAULTS_MAX = 20
/** Characters of the sentence shown as the reason of a block. */
export const SENTENCE_CHARACTERS_MAX = 300
/** Characters of one regular expression. */
export const PATTERN_CHARACTERS_MAX = 500
/** States of one regular expression after its counted repetitions are unrolled: re2's time per character grows with it. */
export const PATTERN_STATES_MAX = 256
/** Ways through a pattern that the backtracking native engine may try at one position; beyond it re2 takes over. */
export const NATIVE_PATHS_MAX = 64
/**
 * Steps of one predicate on one event: what loops and text operations charge. The dearest step, 32 characters of text
 * times states of a pattern, took 0.7 us at worst, so that a hostile rule ends within a second; ten ordinary patterns
 * over a command of 32 KiB need a third of it.
 */
export const STEPS_MAX = 1_000_000
