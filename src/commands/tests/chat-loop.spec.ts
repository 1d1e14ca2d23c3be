import { describe, expect, spyOn, test } from 'bun:test'
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { ChannelProgress } from '../../channels/channels.types.ts'
import { NOT_BEGUN } from '../../describe.ts'
import { type Chat, type ChatOperations, type Lines, runChatLoop, talk } from '../chat-loop.ts'

const STOPPED = { stopped: true, dismissed: 0, frozen: false }

const declineQuestion = async (): Promise<void> => {}

/** A terminal whose keys a test presses; as Node's, it throws at a prompt once it is closed. */
const createTerminal = () => {
  const listeners = new Map<string, (line: string) => void>()
  const press = (event: string, line = '') => listeners.get(event)?.(line)
  let isOpen = true
  let prompts = 0
  const close = () => {
    if (isOpen) press('close')
    isOpen = false
  }
  const lines: Lines = {
    on: (event, listener) => listeners.set(event, listener),
    prompt: () => {
      if (!isOpen) throw new Error('readline was closed')
      prompts++
    },
    close,
  }
  return {
    lines,
    type: (line: string) => press('line', line),
    ctrlC: () => press('SIGINT'),
    ctrlD: close,
    prompts: () => prompts,
  }
}

/** A chat in which each turn ends when the test says so. */
const createConversation = ({ endsAtStop = true } = {}) => {
  const running: (() => void)[] = []
  const begun: string[] = []
  let stops = 0
  const chat: Chat = {
    asked: () => null,
    turn: (text) => {
      begun.push(text)
      const { promise, resolve } = Promise.withResolvers<'answered'>()
      running.push(() => resolve('answered'))
      return promise
    },
  }
  const endTurn = () => running.shift()?.()
  const stop = async () => {
    stops++
    if (endsAtStop) endTurn()
    return STOPPED
  }
  return { chat, stop, endTurn, begun, stops: () => stops }
}

/** Lets everything happen that waits for nothing outside. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('at a terminal', () => {
  test('Ctrl-D waits for the reply of the running turn, and asks for nothing more', async () => {
    const terminal = createTerminal()
    const { chat, stop, endTurn, stops } = createConversation()
    let ended: boolean | null = null
    const talking = talk(terminal.lines, chat, { stop, declineQuestion }).then((answeredAll) => (ended = answeredAll))
    terminal.type('a long turn')
    await settle()
    terminal.ctrlD()
    await settle()
    expect(ended).toBeNull()
    endTurn()
    expect(await talking).toBe(true)
    expect([stops(), terminal.prompts()]).toEqual([0, 1])
  })

  test('Ctrl-C stops the running turn and the chat goes on; at an idle prompt it ends the chat', async () => {
    const terminal = createTerminal()
    const { chat, stop, stops } = createConversation()
    const talking = talk(terminal.lines, chat, { stop, declineQuestion })
    terminal.type('a long turn')
    await settle()
    terminal.ctrlC()
    await settle()
    expect([stops(), terminal.prompts()]).toEqual([1, 2])
    terminal.ctrlC()
    expect(await talking).toBe(true)
    expect(stops()).toBe(1)
  })

  test('a second Ctrl-C leaves a turn that does not end, and says that it was not answered', async () => {
    const terminal = createTerminal()
    const { chat, stop, endTurn, stops } = createConversation({ endsAtStop: false })
    const talking = talk(terminal.lines, chat, { stop, declineQuestion })
    terminal.type('a turn that hangs')
    await settle()
    terminal.ctrlC()
    terminal.ctrlC()
    expect(await talking).toBe(false)
    expect(stops()).toBe(1)
    endTurn()
    await settle() // its reply comes too late for a prompt, which would throw
  })

  test('a line goes out while a turn runs, and Ctrl-D waits for the replies to all of them', async () => {
    const terminal = createTerminal()
    const { chat, stop, endTurn, begun } = createConversation()
    let ended: boolean | null = null
    const talking = talk(terminal.lines, chat, { stop, declineQuestion }).then((answeredAll) => (ended = answeredAll))
    for (const line of ['one', 'stop', 'two']) terminal.type(line)
    expect(begun).toEqual(['one', 'stop', 'two'])
    terminal.ctrlD()
    for (let left = 3; left > 0; left--) {
      await settle()
      expect(ended).toBeNull()
      endTurn()
    }
    expect(await talking).toBe(true)
  })

  test('a turn that fails ends the chat with its fault', async () => {
    const terminal = createTerminal()
    const chat: Chat = { asked: () => null, turn: () => Promise.reject(new Error('the disk is full')) }
    const talking = talk(terminal.lines, chat, { stop: async () => STOPPED, declineQuestion })
    terminal.type('anything')
    await expect(talking).rejects.toThrow('the disk is full')
  })
})

/** A node that asks once in the turn of `ask`, when it is time. */
const createAskingNode = (time: Promise<void> = Promise.resolve()) => {
  const said: string[] = []
  const declined: string[] = []
  let close: ((how: string) => void) | null = null
  const answer = (text: string): string => {
    if (close === null) return 'nothing is asked'
    if (text !== 'bcdfghjk' && text !== 'no') return 'wrong'
    close(text)
    return 'heard'
  }
  const operations: ChatOperations = {
    stop: async () => STOPPED,
    openQuestions: async () => (close === null ? [] : ['t1/q1']),
    declineQuestion: async (key) => {
      declined.push(key)
      close?.('declined')
    },
    say: async ({ text }, progress: (event: ChannelProgress) => void) => {
      said.push(text)
      if (text !== 'ask') return answer(text)
      await time
      const { promise, resolve } = Promise.withResolvers<string>()
      close = resolve
      progress({ kind: 'question', key: 't1/q1', text: 'May I?' })
      const how = await promise
      close = null
      return `ended: ${how}`
    },
  }
  return { operations, said, declined }
}

const pipe = (lines: readonly string[], options: { readonly isTerminal?: boolean } = {}) =>
  pipeText(lines.map((line) => `${line}\n`).join(''), options)

const pipeText = async (text: string, { isTerminal = false }: { readonly isTerminal?: boolean } = {}) => {
  const folder = mkdtempSync(join(tmpdir(), 'plaited-chat-'))
  using _ = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
  const input = join(folder, 'input')
  writeFileSync(input, text)
  const stdin = createReadStream(input)
  const ended = new Promise<void>((resolve) => stdin.on('close', () => setImmediate(resolve)))
  const node = createAskingNode(isTerminal ? ended : Promise.resolve())
  const shown: string[] = []
  const io = { out: (said: string) => void shown.push(said), error: () => {}, isTerminal, stdin }
  const { signal } = new AbortController()
  return { isDone: await runChatLoop(node.operations, { io, signal }), ...node, shown: shown.join('') }
}

describe('piped', () => {
  test('a wrong code is followed by the next line that answers, until the question is closed', async () => {
    const { isDone, said, declined, shown } = await pipe(['ask', 'bcdfghjx', 'zzzzzzzz', 'bcdfghjk', 'go on'])
    expect(isDone).toBe(true)
    expect(said).toEqual(['ask', 'bcdfghjx', 'zzzzzzzz', 'bcdfghjk', 'go on'])
    expect(declined).toEqual([])
    expect(shown).toContain('ended: bcdfghjk')
  })

  test.each([
    [['ask'], ['ask']],
    [
      ['ask', 'bcdfghjx'],
      ['ask', 'bcdfghjx'],
    ],
    [
      ['ask', 'bcdfghjx', 'something else'],
      ['ask', 'bcdfghjx', 'something else'],
    ],
  ])('%p ends with a no that is none of the owner’s words', async (lines, heard) => {
    const { isDone, said, declined, shown } = await pipe(lines)
    expect(isDone).toBe(true)
    expect(said).toEqual(heard)
    expect(declined).toEqual(['t1/q1'])
    expect(shown).toContain('(no answer, which is a no)')
    expect(shown).toContain('ended: declined')
  })
})

describe('piped, a STOP', () => {
  /** Lines that come one by one to a node whose turns last until they are stopped. */
  const pipeSlowly = ({ isSlowToStop = false } = {}) => {
    const stdin = new PassThrough()
    const said: string[] = []
    const shown: string[] = []
    const running: (() => void)[] = []
    const operations: ChatOperations = {
      stop: async () => STOPPED,
      openQuestions: async () => [],
      declineQuestion,
      say: async ({ text }) => {
        said.push(text)
        if (!(text.startsWith('run') || (text === 'stop' && isSlowToStop))) return `did ${text}`
        const { promise, resolve } = Promise.withResolvers<void>()
        running.push(resolve)
        await promise
        return `ended ${text}`
      },
    }
    const io = { out: (text: string) => void shown.push(text), error: () => {}, isTerminal: false, stdin }
    const chat = runChatLoop(operations, { io, signal: new AbortController().signal })
    const write = async (text: string) => {
      stdin.write(text)
      for (let turns = 0; turns < 5; turns++) await settle()
    }
    const endTurn = () => running.shift()?.()
    return { chat, said, shown, stdin, write, endTurn, text: () => shown.join('').split('\n').filter(Boolean) }
  }

  test('is heard while a line is worked on, and dismisses with a word what waits between; what follows goes on', async () => {
    const { chat, said, stdin, write, endTurn, text } = pipeSlowly()
    await write('run long\n')
    await write('undo\nrun other\n')
    expect(said).toEqual(['run long'])
    await write('STOP!\nwrite a: b\n')
    expect(said).toEqual(['run long', 'STOP!'])
    endTurn()
    stdin.end()
    expect(await chat).toBe(true)
    expect(said).toEqual(['run long', 'STOP!', 'write a: b'])
    expect(text()).toEqual([
      ...['> run long', '> undo', '> run other', NOT_BEGUN, '> STOP!', 'did STOP!'],
      ...['ended run long', '> write a: b', 'did write a: b'],
    ])
  })

  test('that comes together with what was before it dismisses all of that, and is answered before the next line', async () => {
    const { chat, said, stdin, write, endTurn } = pipeSlowly()
    await write('write a: b\nrun long\nstop!\nrun on\n')
    expect(said).toEqual(['stop!', 'run on'])
    endTurn()
    stdin.end()
    expect(await chat).toBe(true)
  })

  test('whose answer takes its time keeps what comes after it waiting, for the next STOP to dismiss', async () => {
    const { chat, said, stdin, write, endTurn, text } = pipeSlowly({ isSlowToStop: true })
    await write('run long\n')
    await write('stop\nwrite a: b\n')
    endTurn()
    await write('stop\n')
    expect(said).toEqual(['run long', 'stop', 'stop'])
    for (const _ of said) endTurn()
    stdin.end()
    expect(await chat).toBe(true)
    expect(text()).toContain(NOT_BEGUN)
  })

  test('that is repeated without end is sent twice, and the rest stays where it is', async () => {
    const { said, stdin, write } = pipeSlowly({ isSlowToStop: true })
    await write('run long\n')
    let isRefused = false
    for (let chunk = 0; chunk < 100 && !isRefused; chunk++) {
      isRefused = !stdin.write('stop\n'.repeat(1000))
      await settle()
    }
    expect({ isRefused, said }).toEqual({ isRefused: true, said: ['run long', 'stop', 'stop'] })
  })

  test('with nothing before it is a line as any other', async () => {
    const { chat, said, stdin, write } = pipeSlowly()
    await write('stop\nstatus\n')
    stdin.end()
    expect(await chat).toBe(true)
    expect(said).toEqual(['stop', 'status'])
  })

  test('is looked for in the lines that come next, and the rest of a long input stays where it is', async () => {
    const { chat, said, stdin, write, endTurn } = pipeSlowly()
    await write('run long\n')
    let isRefused = false
    for (let chunk = 0; chunk < 100 && !isRefused; chunk++) {
      isRefused = !stdin.write('undo\n'.repeat(1000))
      await settle()
    }
    expect(isRefused).toBe(true)
    stdin.end('stop\n')
    await settle()
    expect(said).toEqual(['run long'])
    endTurn()
    expect(await chat).toBe(true)
    expect(said.at(-1)).toBe('stop')
  })
})

test('piped, what never breaks into lines ends the chat instead of filling the memory, wherever it begins', async () => {
  const unbroken = 'x'.repeat(5_000_000)
  for (const text of [unbroken, `one\n${unbroken}\ntwo\n`])
    await expect(pipeText(text)).rejects.toMatchObject({ code: 'USAGE' })
  const { said } = await pipeText(`${`${' '.repeat(1000)}\r`.repeat(5000)}one\n`)
  expect(said).toEqual(['one'])
})

test('at a terminal that is closed while something is asked, that alone is declined', async () => {
  const terminal = createTerminal()
  const declined: string[] = []
  const { chat, endTurn, begun } = createConversation()
  const talking = talk(
    terminal.lines,
    { ...chat, asked: () => 't1/q1' },
    {
      stop: async () => STOPPED,
      declineQuestion: async (key) => {
        declined.push(key)
        endTurn()
      },
    },
  )
  terminal.type('ask')
  terminal.ctrlD()
  expect(await talking).toBe(true)
  expect({ declined, begun }).toEqual({ declined: ['t1/q1'], begun: ['ask'] })
})

test('at a terminal, what is asked after it was closed is declined at once', async () => {
  using _ = spyOn(process.stdout, 'write').mockImplementation(() => true)
  const { isDone, declined } = await pipe(['ask'], { isTerminal: true })
  expect({ isDone, declined }).toEqual({ isDone: true, declined: ['t1/q1'] })
})
