/**
 * Turns a stream of lines into messages and shows what comes back. Piped, one line is one turn and the next waits for its
 * reply; at a terminal a line typed while a turn runs waits for its place, and `stop` does not wait.
 */
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { renderProgress } from '../channels/cli/render.ts'
import { parseControlWord } from '../control-words.ts'
import type { Operations } from '../operations.ts'
import { escapeUnsafeCharacters } from '../utils/escape-unsafe-characters.ts'
import type { Io } from './command.types.ts'

/** Characters of one line; a longer one is refused, not cut. */
const LINE_CHARACTERS_MAX = 1_000_000

const PROMPT = 'you> '

export type Chat = {
  /** Sends a message, shows its progress and its reply; false when it was refused unsent. */
  readonly turn: (text: string) => Promise<boolean>
}

export const createChat = (operations: Operations, io: Io, { streams }: { readonly streams: boolean }): Chat => {
  const run = randomBytes(6).toString('hex')
  let count = 0
  return {
    turn: async (text) => {
      if (text.length > LINE_CHARACTERS_MAX) {
        io.error(`plaited: a message has at most ${LINE_CHARACTERS_MAX} characters\n`)
        return false
      }
      let streamed = ''
      const reply = await operations.say({ messageId: `${run}-${++count}`, text }, (progress) => {
        if (progress.kind === 'text' && streams) {
          streamed += progress.text
          io.out(escapeUnsafeCharacters(progress.text))
        }
        const line = renderProgress(progress)
        if (line === null) return
        io.out(`${streamed === '' ? '' : '\n'}${line}\n`)
        streamed = ''
      })
      // What was streamed is already on the screen; only what the node added is not.
      const rest = reply.startsWith(streamed.trim()) ? reply.slice(streamed.trim().length) : reply
      io.out(`${escapeUnsafeCharacters(rest)}\n`)
      return true
    },
  }
}

/** Runs until the input ends or the signal aborts; resolves with whether every message was answered. */
export const runChatLoop = async (
  operations: Operations,
  { io, signal }: { readonly io: Io; readonly signal: AbortSignal },
): Promise<boolean> => {
  if (signal.aborted) return false
  const chat = createChat(operations, io, { streams: io.isTerminal })
  const lines = createInterface({
    input: io.stdin,
    terminal: io.isTerminal,
    prompt: PROMPT,
    ...(io.isTerminal ? { output: process.stdout } : {}),
  })
  const stopped = Promise.withResolvers<false>()
  signal.addEventListener('abort', () => {
    lines.close()
    stopped.resolve(false)
  })
  lines.on('SIGINT', () => lines.close())
  try {
    return await Promise.race([
      io.isTerminal ? talk(lines, chat, operations) : readAll(lines, chat, io),
      stopped.promise,
    ])
  } finally {
    lines.close()
  }
}

type Lines = ReturnType<typeof createInterface>

const readAll = async (lines: Lines, chat: Chat, io: Io): Promise<boolean> => {
  let answeredAll = true
  for await (const line of lines) {
    if (line.trim() === '') continue
    io.out(`> ${escapeUnsafeCharacters(line)}\n`)
    answeredAll = (await chat.turn(line)) && answeredAll
  }
  return answeredAll
}

const talk = async (lines: Lines, chat: Chat, operations: Operations): Promise<boolean> => {
  const failure = Promise.withResolvers<never>()
  let queue: Promise<void> = Promise.resolve()
  let waiting = 0
  lines.on('line', (line) => {
    if (line.trim() === '') return lines.prompt()
    if (waiting > 0 && parseControlWord(line) === 'stop') return void operations.stop().catch(failure.reject)
    waiting++
    queue = queue
      .then(() => chat.turn(line))
      .then(() => {
        waiting--
        lines.prompt()
      })
    queue.catch(failure.reject)
  })
  lines.prompt()
  const closed = new Promise<void>((resolve) => lines.once('close', resolve))
  await Promise.race([closed, failure.promise])
  await queue
  return true
}
