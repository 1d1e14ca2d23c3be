import { describe, expect, test } from 'bun:test'
import { type Chat, type Lines, talk } from '../chat-loop.ts'

const STOPPED = { stopped: true, dismissed: 0, frozen: false }

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
    isAsked: () => false,
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
    const talking = talk(terminal.lines, chat, { stop }).then((answeredAll) => (ended = answeredAll))
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
    const talking = talk(terminal.lines, chat, { stop })
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
    const talking = talk(terminal.lines, chat, { stop })
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
    const talking = talk(terminal.lines, chat, { stop }).then((answeredAll) => (ended = answeredAll))
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
    const chat: Chat = { isAsked: () => false, turn: () => Promise.reject(new Error('the disk is full')) }
    const talking = talk(terminal.lines, chat, { stop: async () => STOPPED })
    terminal.type('anything')
    expect(talking).rejects.toThrow('the disk is full')
  })
})
