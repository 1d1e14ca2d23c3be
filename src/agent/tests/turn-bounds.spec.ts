/** What keeps a turn from going on for ever, and what an answer that is none leaves in the conversation. */
import { describe, expect, test } from 'bun:test'
import type { StopReason } from '../model/model.types.ts'
import type { Step, StepBlock } from '../model/scripted/messages-api.types.ts'
import { bash, calls, createTestLoop, play, resultsIn, say } from './loop-fixture.ts'

const reply = (stopReason: StopReason, ...content: readonly StepBlock[]): Step => ({
  kind: 'reply',
  content,
  stopReason,
})
const text = (words: string): StepBlock => ({ type: 'text', text: words })
const commandsOf = (ran: readonly unknown[]) => ran.map((operation) => (operation as { command?: string }).command)

describe('the same call', () => {
  test('a third time running is not run, and the model reads why', async () => {
    const again = calls(bash('ls'))
    await using loop = createTestLoop({ answer: play(again, again, again, say('I give up.')) })
    expect(await loop.turn()).toMatchObject({ end: 'done', text: 'I give up.' })
    expect(commandsOf(loop.ran)).toEqual(['ls', 'ls'])
    expect(resultsIn(loop.requests[3])).toEqual([
      { content: expect.stringContaining('you have called bash with exactly this input'), isError: true },
    ])
    expect(loop.progress).toContainEqual(expect.objectContaining({ kind: 'call', outcome: 'refused' }))
  })

  test('after the model read why ends the turn with a sentence that names it', async () => {
    await using loop = createTestLoop({ answer: play(calls(bash('ls'))) })
    expect(await loop.turn()).toMatchObject({
      end: 'repeating',
      text: expect.stringContaining('bash with {"command":"ls"}'),
    })
    expect(loop.requests).toHaveLength(4)
    expect(commandsOf(loop.ran)).toEqual(['ls', 'ls'])
  })

  test('many times in one answer is run twice, and only insisting ends the turn', async () => {
    const five = Array.from({ length: 5 }, () => bash('ls'))
    await using loop = createTestLoop({ answer: play(calls(...five), calls(bash('pwd')), say('ok')) })
    expect((await loop.turn()).text).toBe('ok')
    expect(commandsOf(loop.ran)).toEqual(['ls', 'ls', 'pwd'])
    expect(resultsIn(loop.requests[1]).map(({ isError }) => isError)).toEqual([false, false, true, true, true])
  })

  test('with the members of its input in another order is the same', async () => {
    const edit = (input: Record<string, unknown>) => calls({ type: 'tool_use', name: 'read', input })
    const [one, other] = [edit({ file_path: 'a', limit: 1 }), edit({ limit: 1, file_path: 'a' })]
    await using loop = createTestLoop({ answer: play(one, other, one, say('ok')) })
    await loop.turn()
    expect(loop.ran).toHaveLength(2)
  })

  test('with another call in between, or another input, is run as often as it is asked for', async () => {
    const pair = calls(bash('test'), bash('fix'))
    await using loop = createTestLoop({ answer: play(pair, pair, pair, pair, say('ok')) })
    expect((await loop.turn()).text).toBe('ok')
    expect(loop.ran).toHaveLength(8)
  })

  test('in the next turn is counted from the beginning', async () => {
    const ls = calls(bash('ls'))
    await using loop = createTestLoop({ answer: play(ls, ls, say('one'), ls, ls, say('two')) })
    await loop.turn()
    expect((await loop.turn()).text).toBe('two')
    expect(loop.ran).toHaveLength(4)
  })
})

describe('an answer that is not whole', () => {
  test.each([
    'end_turn',
    'max_tokens',
    'stop_sequence',
    'pause_turn',
    'refusal',
    'model_context_window_exceeded',
  ] as const)('(%s) never has its calls run', async (stopReason) => {
    await using loop = createTestLoop({ answer: play(reply(stopReason, bash('rm -rf /')), say('ok')) })
    await loop.turn()
    expect(loop.ran).toEqual([])
    expect(loop.events().map(({ type }) => type)).not.toContain('tool.start')
  })

  test('is asked for again when its JSON is broken, and only the whole one runs', async () => {
    const broken: StepBlock = { type: 'tool_use', name: 'bash', input: {}, inputJson: '{"command":"rm -rf /tmp/a' }
    await using loop = createTestLoop({ answer: play(calls(bash('ls'), broken), calls(bash('ls')), say('ok')) })
    expect((await loop.turn()).text).toBe('ok')
    expect(commandsOf(loop.ran)).toEqual(['ls'])
    expect(loop.requests[1]?.messages).toEqual(loop.requests[0]?.messages ?? expect.unreachable())
  })

  test('at its length limit is given as far as it goes, and says so', async () => {
    await using loop = createTestLoop({ answer: play(reply('max_tokens', text('So far'))) })
    expect(await loop.turn()).toMatchObject({ end: 'done', text: 'So far\n\n(My answer was cut at its length limit.)' })
  })
})

describe('a pause', () => {
  test('sends the answer back as it is, and its parts are one answer', async () => {
    const pause = reply('pause_turn', text('First. '))
    await using loop = createTestLoop({ answer: play(pause, pause, say('Last.'), say('next')) })
    expect(await loop.turn()).toMatchObject({ end: 'done', text: 'First. First. Last.' })
    expect(loop.requests[1]?.messages.at(-1)).toMatchObject({ role: 'assistant', content: [{ text: 'First. ' }] })
    expect((await loop.turn('next')).text).toBe('next')
    expect(loop.requests[3]?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user'])
  })
})

describe('an empty answer', () => {
  test('is followed by a question for a real one, after the results', async () => {
    const empty: Step = { kind: 'reply', content: [] }
    await using loop = createTestLoop({ answer: play(calls(bash('ls')), empty, say('Three files.')) })
    expect(await loop.turn()).toMatchObject({ end: 'done', text: 'Three files.' })
    expect(loop.requests[2]?.messages.at(-1)).toMatchObject({
      role: 'user',
      content: [{ type: 'tool_result' }, { type: 'text', text: expect.stringContaining('answer was empty') }],
    })
  })
})

describe('thinking without a word', () => {
  test('is not sent back: the service takes no message that ends in it', async () => {
    const thinking: Step = { kind: 'reply', content: [{ type: 'thinking', thinking: 'hm' }] }
    await using loop = createTestLoop({ answer: play(thinking, say('Well.')) })
    expect((await loop.turn()).text).toBe('Well.')
    expect(loop.requests[1]?.messages).toMatchObject([{ role: 'user', content: [{ text: 'do it' }, {}] }])
  })
})

describe('a conversation that no longer fits', () => {
  test('is sent once more with less of it, and stays short for the rest of the turn', async () => {
    const over = reply('model_context_window_exceeded', text('I was abou'))
    let isFull = true
    await using loop = createTestLoop({
      answer: ({ messages }, n) => {
        if (n < 6) return say('ok')
        if (JSON.stringify(messages).length > 20_000) return over
        if (isFull) {
          isFull = false
          return calls(bash('ls'))
        }
        return say('fits')
      },
    })
    for (let turn = 0; turn < 6; turn++) await loop.turn('x'.repeat(5000))
    expect(await loop.turn('now')).toMatchObject({ end: 'done', text: 'fits' })
    const lengths = loop.requests.slice(6).map(({ messages }) => JSON.stringify(messages).length > 20_000)
    expect(lengths).toEqual([true, false, false])
    expect(JSON.stringify(loop.requests.slice(7))).not.toContain('I was abou')
    expect(loop.progress.filter(({ kind }) => kind === 'interrupted')).toHaveLength(1)
  })
})

describe('a refusal', () => {
  test('and what led to it is never sent again, so that it does not poison the conversation', async () => {
    const refusal = reply('refusal', text('I was going to'))
    await using loop = createTestLoop({
      answer: ({ messages }) => (JSON.stringify(messages).includes('forbidden') ? refusal : say('gladly')),
    })
    await loop.turn('hello')
    expect(await loop.turn('forbidden')).toMatchObject({
      end: 'model-error',
      text: expect.stringContaining('declined'),
    })
    expect(await loop.turn('something else')).toMatchObject({ end: 'done', text: 'gladly' })
    expect(loop.requests[2]?.messages).toMatchObject([
      { role: 'user', content: [{ text: 'hello' }] },
      { role: 'assistant', content: [{ text: 'gladly' }] },
      {
        role: 'user',
        content: [{ text: expect.stringContaining('declined a message here') }, { text: 'something else' }],
      },
    ])
  })

  test('after calls leaves them out too, but not out of the journal', async () => {
    const refusal = reply('refusal')
    await using loop = createTestLoop({ answer: play(calls(bash('cat page')), refusal, say('fine')) })
    await loop.turn('read the page')
    expect((await loop.turn('next')).text).toBe('fine')
    expect(JSON.stringify(loop.requests[2]?.messages)).not.toContain('cat page')
    expect(loop.events().filter(({ type }) => type === 'tool.result')).toHaveLength(1)
  })
})
