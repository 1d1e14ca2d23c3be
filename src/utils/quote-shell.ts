/** A word as a shell reads it back: what a hint tells the owner to run must survive a path with a space in it. */
export const quoteShell = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
