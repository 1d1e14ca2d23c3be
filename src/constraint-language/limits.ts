/** Bytes of one rule file: ordinary ones have 400; a file is read by its owner before it is accepted, forever. */
export const SOURCE_BYTES_MAX = 32 * 1024
/** Syntax-tree nodes of one file. 32 KiB of ordinary code has about 8,000. */
export const SYNTAX_NODES_MAX = 10_000
/** Nesting of the syntax tree, so that recursion over it stays far from the end of the stack. */
export const SYNTAX_DEPTH_MAX = 128
/** Rules in one file. */
export const EXPORTS_MAX = 32
/** `bSync`s of one sequence: each is a position that the owner has to follow in mind. */
export const SYNCS_MAX = 16
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
/** States of one regular expression after its counted repetitions are unrolled: what holds it, and re2's time, small. */
export const PATTERN_STATES_MAX = 256
/** Characters that the backtracking native engine may look at from one position; beyond it a table takes over. */
export const NATIVE_TRIES_MAX = 256
/** Look-ups while the tables of a file's patterns are made, each of some 10 ns; the largest shipped file needs a tenth. */
export const TABLE_WORK_MAX = 5_000_000
/**
 * Steps of one predicate on one event: its size, and what loops, patterns and text operations charge, each step for at
 * most 50 ns of work, so that no rule holds the process for more than 50 ms. Ten ordinary patterns over a command of 32 KiB
 * need a tenth.
 */
export const STEPS_MAX = 1_000_000
