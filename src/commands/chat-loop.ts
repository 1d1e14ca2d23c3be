/**
 * Turns a stream of lines into messages and shows what comes back. Piped, one line is one turn and the next waits for its
 * reply, control words included; only a STOP is heard as soon as its line comes. At a terminal a line goes out at once,
 * and joins the turn that runs.
 */
import { randomBytes } from 'node:crypto'
import { createInterface, type Interface } from 'node:readline'
import type { ChannelProgress } from '../channels/channels.types.ts'
import { renderProgress } from '../channels/cli/render.ts'
import { parseAnswer, parseControlWord } from '../control-words.ts'
import { NOT_BEGUN } from '../describe.ts'
import type { Operations } from '../operations.ts'
import { escapeUnsafeCharacters } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { Io } from './command.types.ts'
import { createLineReader } from './line-reader.ts'

/** Characters of one line; a longer one is refused, not cut. */
const LINE_CHARACTERS_MAX = 1_000_000
/** Input that goes on for so long without a line break is no text, such as /dev/zero, and would fill the memory. */
const UNBROKEN_BYTES_MAX = 4 * LINE_CHARACTERS_MAX

/** STOPs that are under way in a pipe: the second one freezes the node, and a further one would do no more. */
const STOPS_UNDER_WAY_MAX = 2

const PROMPT = 'you> '

/** What a chat asks of a node. */
export type ChatOperations = Pick<Operations, 'say' | 'stop' | 'openQuestions' | 'declineQuestion'>

/** The node waits for the owner's word. `over` resolves when it no longer does. */
export type ChatQuestion = { readonly key: string; readonly over: Promise<void> }

export type Chat = {
  /** Sends a message, shows its progress and its reply. `joined`: the reply is that of another message of this chat. */
  readonly turn: (text: string) => Promise<'answered' | 'joined' | 'refused'>
  /** Key of what is asked, while the node waits. */
  readonly asked: () => string | null
}

export const createChat = (
  operations: Pick<Operations, 'say'>,
  io: Io,
  {
    isTerminal,
    onQuestion = () => {},
  }: { readonly isTerminal: boolean; readonly onQuestion?: (question: ChatQuestion) => void },
): Chat => {
  const run = randomBytes(6).toString('hex')
  const own = new Set<string>()
  let count = 0
  /** Several messages may be under way, and share the screen. */
  let isMidLine = false
  const question = createAskedQuestion(onQuestion)
  return {
    asked: question.key,
    turn: async (text) => {
      if (text.length > LINE_CHARACTERS_MAX) {
        io.error(`plaited: a message has at most ${LINE_CHARACTERS_MAX} characters\n`)
        return 'refused'
      }
      const messageId = `${run}-${++count}`
      own.add(messageId)
      let streamed = ''
      let isAnsweredWithOther = false
      const show = (progress: ChannelProgress): void => {
        question.hear(messageId, progress)
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
      }
      const message = { messageId, text, followUp: !isTerminal }
      const reply = await operations.say(message, show).finally(() => question.end(messageId))
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

/** What is asked, until the turn that asked goes on or has ended. */
const createAskedQuestion = (onQuestion: (question: ChatQuestion) => void) => {
  let open: { readonly key: string; readonly messageId: string; readonly end: () => void } | null = null
  const end = (messageId: string): void => {
    if (open?.messageId !== messageId) return
    open.end()
    open = null
  }
  return {
    key: (): string | null => open?.key ?? null,
    end,
    hear: (messageId: string, progress: ChannelProgress): void => {
      if (progress.kind === 'notice' || progress.kind === 'late-reply') return
      end(messageId)
      if (progress.kind !== 'question') return
      const over = Promise.withResolvers<void>()
      open = { key: progress.key, messageId, end: over.resolve }
      onQuestion({ key: progress.key, over: over.promise })
    },
  }
}

/** Runs until the input ends or the signal aborts; resolves with whether every message was answered. */
export const runChatLoop = async (
  operations: ChatOperations,
  { io, signal }: { readonly io: Io; readonly signal: AbortSignal },
): Promise<boolean> => {
  if (signal.aborted) return false
  const failure = Promise.withResolvers<never>()
  io.stdin.on('error', (cause) => failure.reject(cannotRead(cause)))
  const lines = createInterface({
    input: io.stdin,
    terminal: io.isTerminal,
    prompt: PROMPT,
    ...(io.isTerminal ? { output: process.stdout } : {}),
  })
  io.stdin.on('data', createUnbrokenMeter(failure.reject))
  let isOpen = true
  lines.on('close', () => {
    isOpen = false
  })
  /** Asked by a turn that outlives what was typed: nobody is left to answer. */
  const onQuestion = ({ key }: ChatQuestion): void => {
    if (!isOpen) operations.declineQuestion(key).catch(failure.reject)
  }
  const stopped = Promise.withResolvers<false>()
  signal.addEventListener('abort', () => {
    lines.close()
    stopped.resolve(false)
  })
  try {
    return await Promise.race([
      io.isTerminal
        ? talk(lines, createChat(operations, io, { isTerminal: true, onQuestion }), operations)
        : readAll(lines, operations, { io, signal }),
      stopped.promise,
      failure.promise,
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

/** Counts what came since the last line break. */
const createUnbrokenMeter = (refuse: (fault: NodeError) => void): ((chunk: Buffer | string) => void) => {
  let unbroken = 0
  return (chunk) => {
    const lastBreak = Math.max(chunk.lastIndexOf('\n'), chunk.lastIndexOf('\r'))
    unbroken = lastBreak < 0 ? unbroken + chunk.length : chunk.length - lastBreak - 1
    if (unbroken > UNBROKEN_BYTES_MAX) {
      refuse(
        new NodeError('USAGE', `what is piped in has no line break in ${UNBROKEN_BYTES_MAX} bytes`, {
          hint: `pipe in lines of text, of at most ${LINE_CHARACTERS_MAX} characters each`,
        }),
      )
    }
  }
}

type Piped = { readonly io: Io; readonly signal: AbortSignal }

const readAll = async (lines: Interface, operations: ChatOperations, { io, signal }: Piped): Promise<boolean> => {
  const answers: Promise<boolean>[] = []
  const show = (line: string): void => io.out(`> ${escapeUnsafeCharacters(line)}\n`)
  let saying = 0
  let stopping = 0
  const say = async (line: string): Promise<boolean> => {
    show(line)
    saying++
    return (await chat.turn(line).finally(() => saying--)) !== 'refused'
  }
  /** What waits before a STOP is dismissed here: sent behind it, it could come too late to be dismissed by it. */
  const stopAtOnce = (line: string, waiting: readonly string[]): boolean => {
    if (parseControlWord(line) !== 'stop' || saying + waiting.length === 0) return false
    if (stopping >= STOPS_UNDER_WAY_MAX) return false
    stopping++
    for (const dismissed of waiting) show(dismissed)
    if (waiting.length > 0) io.out(`${NOT_BEGUN}\n`)
    later(say(line).finally(() => stopping--))
    return true
  }
  const later = (answered: Promise<boolean>): void => {
    answered.catch(() => {}) // it is told when its turn has come, with the others
    answers.push(answered)
  }
  const input = createLineReader(lines, stopAtOnce)
  /** Lines that answer are taken out of turn until one does; any other, and the end of the input, is a no. */
  const answer = async ({ key, over }: ChatQuestion): Promise<boolean> => {
    const isOver = over.then((): typeof OVER => OVER)
    let isSaid = true
    for (;;) {
      const line = await Promise.race([isOver, input.peek()])
      if (line === OVER) return isSaid
      if (line === null || !isAnswer(line)) {
        io.out('(no answer, which is a no)\n')
        await operations.declineQuestion(key)
        return isSaid
      }
      await input.next()
      isSaid = (await say(line)) && isSaid
      if (!(await operations.openQuestions()).includes(key)) return isSaid
    }
  }
  const onQuestion = (question: ChatQuestion): void => later(answer(question))
  const chat = createChat(operations, io, { isTerminal: false, onQuestion })
  let isAllSaid = true
  for (;;) {
    const line = await input.peek()
    // A STOP that overtook this line is answered first; what it dismissed is gone from the lines.
    const answered = answers.shift()
    if (answered !== undefined) {
      isAllSaid = (await answered) && isAllSaid
      continue
    }
    if (line === null) return isAllSaid
    // What was read ahead when a signal came is neither shown nor sent.
    if (signal.aborted) return false
    await input.next()
    isAllSaid = (await say(line)) && isAllSaid
  }
}

/** The question waits no longer. */
const OVER: unique symbol = Symbol('over')

const isAnswer = (line: string): boolean =>
  parseAnswer(line) !== null || parseControlWord(line)?.startsWith('confirm ') === true

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
export const talk = async (
  lines: Lines,
  chat: Chat,
  { stop, declineQuestion }: Pick<ChatOperations, 'stop' | 'declineQuestion'>,
): Promise<boolean> => {
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
    const question = chat.asked()
    if (question !== null) declineQuestion(question).catch(failure.reject) // nobody is left to answer
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
