/**
 * Turns a stream of lines into messages and shows what comes back. Piped, one line is one turn and the next waits for its
 * reply; at a terminal a line goes out at once, and joins the turn that runs.
 */
import { randomBytes } from 'node:crypto'
import { createInterface, type Interface } from 'node:readline'
import { isConfirmationCode } from '../agent/confirmation-code.ts'
import { renderProgress } from '../channels/cli/render.ts'
import { isNo } from '../control-words.ts'
import type { Operations } from '../operations.ts'
import { escapeUnsafeCharacters } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { Io } from './command.types.ts'
import { createLineReader } from './line-reader.ts'

/** Characters of one line; a longer one is refused, not cut. */
const LINE_CHARACTERS_MAX = 1_000_000

const PROMPT = 'you> '

/** What a chat asks of a node. */
export type ChatOperations = Pick<Operations, 'say' | 'stop'>

export type Chat = {
  /** Sends a message, shows its progress and its reply. `joined`: the reply is that of another message of this chat. */
  readonly turn: (text: string) => Promise<'answered' | 'joined' | 'refused'>
  /** The node waits for the owner's word. */
  readonly isAsked: () => boolean
}

export const createChat = (
  operations: Pick<Operations, 'say'>,
  io: Io,
  { isTerminal, onQuestion = () => {} }: { readonly isTerminal: boolean; readonly onQuestion?: () => void },
): Chat => {
  const run = randomBytes(6).toString('hex')
  const own = new Set<string>()
  let count = 0
  /** Several messages may be under way, and share the screen. */
  let isMidLine = false
  let isAsked = false
  return {
    isAsked: () => isAsked,
    turn: async (text) => {
      if (text.length > LINE_CHARACTERS_MAX) {
        io.error(`plaited: a message has at most ${LINE_CHARACTERS_MAX} characters\n`)
        return 'refused'
      }
      const messageId = `${run}-${++count}`
      own.add(messageId)
      let streamed = ''
      let isAnsweredWithOther = false
      const reply = await operations.say({ messageId, text, followUp: !isTerminal }, (progress) => {
        if (progress.kind === 'joined') isAnsweredWithOther = own.has(progress.to)
        if (progress.kind === 'text' && isTerminal) {
          streamed += progress.text
          isMidLine = !progress.text.endsWith('\n')
          io.out(escapeUnsafeCharacters(progress.text))
        }
        const line = renderProgress(progress)
        if (line === null) return
        io.out(`${isMidLine ? '\n' : ''}${line}\n`)
        isMidLine = false
        if (progress.kind !== 'commit') streamed = ''
        isAsked = progress.kind === 'question'
        if (isAsked) onQuestion()
      })
      if (isAnsweredWithOther) return 'joined'
      // What was streamed is already on the screen; only what the node added is not.
      const goesOn = reply.startsWith(streamed.trim())
      const rest = goesOn ? reply.slice(streamed.trim().length) : reply
      if (isMidLine || rest !== '') io.out(`${isMidLine && !goesOn ? '\n' : ''}${escapeUnsafeCharacters(rest)}\n`)
      isMidLine = false
      return 'answered'
    },
  }
}

/** Runs until the input ends or the signal aborts; resolves with whether every message was answered. */
export const runChatLoop = async (
  operations: ChatOperations,
  { io, signal }: { readonly io: Io; readonly signal: AbortSignal },
): Promise<boolean> => {
  if (signal.aborted) return false
  const unreadable = Promise.withResolvers<never>()
  io.stdin.on('error', (cause) => unreadable.reject(cannotRead(cause)))
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
  try {
    return await Promise.race([
      io.isTerminal
        ? talk(lines, createChat(operations, io, io), operations)
        : readAll(lines, operations, { io, signal }),
      stopped.promise,
      unreadable.promise,
    ])
  } finally {
    lines.close()
  }
}

const cannotRead = (cause: Error): NodeError =>
  new NodeError('USAGE', `cannot read what is typed or piped in: ${cause.message}`, {
    hint: 'pipe in lines of text, such as: echo help | plaited chat',
    cause,
  })

type Piped = { readonly io: Io; readonly signal: AbortSignal }

const readAll = async (lines: Interface, operations: ChatOperations, { io, signal }: Piped): Promise<boolean> => {
  const input = createLineReader(lines)
  const answers: Promise<boolean>[] = []
  const say = async (line: string): Promise<boolean> => {
    io.out(`> ${escapeUnsafeCharacters(line)}\n`)
    return (await chat.turn(line)) !== 'refused'
  }
  /** A line that answers is taken out of turn; any other, and the end of the input, is a no. */
  const answer = async (): Promise<boolean> => {
    const line = await input.next()
    if (line !== null && isAnswer(line)) return say(line)
    if (line !== null) input.unread(line)
    return say('no')
  }
  const onQuestion = (): void => void answers.push(answer())
  const chat = createChat(operations, io, { isTerminal: false, onQuestion })
  for (let line = await input.next(); line !== null; line = await input.next()) {
    // What was read ahead when a signal came is neither shown nor sent.
    if (signal.aborted) return false
    answers.push(Promise.resolve(await say(line)))
  }
  return (await Promise.all(answers)).every(Boolean)
}

const isAnswer = (line: string): boolean => isNo(line) || isConfirmationCode(line.trim().toLowerCase())

/** What a terminal hands in, line by line; a part of Node's `Interface`, so that tests can type. */
export type Lines = {
  readonly on: (event: 'line' | 'close' | 'SIGINT', listener: (line: string) => void) => unknown
  readonly prompt: () => void
  readonly close: () => void
}

/**
 * At a terminal. Ctrl-C stops the running turn; the next one, or one when none runs, ends the chat. Ctrl-D ends it when
 * what was typed is answered.
 */
export const talk = async (lines: Lines, chat: Chat, { stop }: Pick<ChatOperations, 'stop'>): Promise<boolean> => {
  const failure = Promise.withResolvers<never>()
  const closed = Promise.withResolvers<void>()
  const abandoned = Promise.withResolvers<false>()
  const waiting = new Set<Promise<void>>()
  let isOpen = true
  let isStopping = false
  const stopTurn = (): void => {
    isStopping = true
    stop('interrupt').then(({ stopped }) => {
      isStopping = stopped && waiting.size > 0
    }, failure.reject)
  }
  const answer = async (line: string): Promise<void> => {
    const came = await chat.turn(line)
    isStopping = false
    if (isOpen && came !== 'joined') lines.prompt() // a closed terminal throws at a prompt
  }
  const send = (line: string): void => {
    const answered = answer(line)
      .catch(failure.reject)
      .finally(() => waiting.delete(answered))
    waiting.add(answered)
  }
  lines.on('close', () => {
    isOpen = false
    if (chat.isAsked()) send('no') // nobody is left to answer
    closed.resolve()
  })
  lines.on('SIGINT', () => {
    if (waiting.size > 0 && !isStopping) return stopTurn()
    if (waiting.size > 0) abandoned.resolve(false)
    lines.close()
  })
  lines.on('line', (line) => {
    if (line.trim() === '') return lines.prompt()
    send(line)
  })
  lines.prompt()
  const everything = closed.promise.then(() => Promise.all(waiting)).then(() => true)
  return Promise.race([everything, abandoned.promise, failure.promise])
}
