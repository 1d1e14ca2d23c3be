import type { Interface } from 'node:readline'

/** Lines that hold something, one at a time; null at the end. One that was read may be put back. */
export type LineReader = { readonly next: () => Promise<string | null>; readonly unread: (line: string) => void }

export const createLineReader = (lines: Interface): LineReader => {
  const rest = lines[Symbol.asyncIterator]()
  const kept: string[] = []
  const next = async (): Promise<string | null> => {
    const line = kept.pop()
    if (line !== undefined) return line
    const { value, done } = await rest.next()
    if (done) return null
    return value.trim() === '' ? next() : value
  }
  return { next, unread: (line) => void kept.push(line) }
}
