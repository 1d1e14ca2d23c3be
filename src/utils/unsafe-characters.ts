/**
 * Characters that make a reader see something other than what is there (CVE-2021-42574), as members of a character class
 * of a pattern with the flag `u`: controls, line separators, format characters (bidirectional, zero-width, tags), private
 * use, lone surrogates, and what Unicode lets a font leave out (fillers, variation selectors, joiners). New line and tab
 * are not among them; neither is the carriage return, which is harmless before a new line.
 */
export const UNSAFE_CHARACTERS =
  '\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u2028\\u2029\\p{Cf}\\p{Co}\\p{Cs}\\p{Default_Ignorable_Code_Point}'
