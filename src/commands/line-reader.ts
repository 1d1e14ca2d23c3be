import type { Interface } from 'node:readline'

/** Lines that are read ahead of the one that is worked on; what is beyond them stays in the pipe, a STOP included. */
const LINES_AHEAD_MAX = 1000
/** Characters of them. */
const CHARACTERS_AHEAD_MAX = 4_000_000

/** Lines that hold something, one at a time; null at the end. `peek` leaves the line where it is, also while it is awaited. */
export type LineReader = { readonly next: () => Promise<string | null>; readonly peek: () => Promise<string | null> }

/** `overtakes` hears each line as it comes, with those that wait before it; when it takes the line, they are dropped. */
export const createLineReader = (
  lines: Pick<Interface, 'on' | 'pause' | 'resume'>,
  overtakes: (line: string, waiting: readonly string[]) => boolean,
): LineReader => {
  let waiting: string[] = []
  let characters = 0
  let hasEnded = false
  let news = Promise.withResolvers<void>()
  const tell = (): void => {
    news.resolve()
    news = Promise.withResolvers()
  }
  const isFull = (): boolean => waiting.length >= LINES_AHEAD_MAX || characters >= CHARACTERS_AHEAD_MAX
  lines.on('line', (line: string) => {
    if (line.trim() === '') return
    if (overtakes(line, waiting)) {
      waiting = []
      characters = 0
      return
    }
    waiting.push(line)
    characters += line.length
    if (isFull()) lines.pause()
    tell()
  })
  lines.on('close', () => {
    hasEnded = true
    tell()
  })
  const peek = async (): Promise<string | null> => {
    while (waiting.length === 0 && !hasEnded) await news.promise
    return waiting[0] ?? null
  }
  return {
    peek,
    next: async () => {
      const line = await peek()
      if (line === null) return null
      waiting.shift()
      characters -= line.length
      if (!isFull() && !hasEnded) lines.resume() // a closed interface throws at it
      return line
    },
  }
}
