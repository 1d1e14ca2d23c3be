import type { Interface } from 'node:readline'

/** Lines that hold something, one at a time; null at the end. `peek` leaves the line where it is, also while it is awaited. */
export type LineReader = { readonly next: () => Promise<string | null>; readonly peek: () => Promise<string | null> }

export const createLineReader = (lines: Interface): LineReader => {
  const rest = lines[Symbol.asyncIterator]()
  let coming: Promise<string | null> | null = null
  const read = async (): Promise<string | null> => {
    const { value, done } = await rest.next()
    if (done) return null
    return value.trim() === '' ? read() : value
  }
  const peek = (): Promise<string | null> => {
    coming ??= read()
    return coming
  }
  return {
    peek,
    next: async () => {
      const line = await peek()
      coming = null
      return line
    },
  }
}
