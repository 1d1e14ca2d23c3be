import { describe, expect, test } from 'bun:test'
import { COMMAND_FORMS } from '../command-grammar.ts'
import type { MessagesRequest } from '../messages-api.schemas.ts'
import { answerScript } from '../script.ts'

const TOOLS = ['write', 'read', 'edit', 'bash', 'glob', 'grep', 'pay']

type Result = string | { readonly error: string }

/** The conversation after the script's calls were answered with `results`. */
const conversation = (
  text: string | readonly string[],
  results: readonly Result[] = [],
  tools: readonly string[] = TOOLS,
): MessagesRequest => {
  const texts = typeof text === 'string' ? [text] : text
  return {
    model: 'scripted',
    max_tokens: 100,
    tools: tools.map((name) => ({ name, input_schema: { type: 'object' } })),
    messages: [
      { role: 'user', content: texts.map((part) => ({ type: 'text', text: part })) },
      ...results.flatMap((result, index): MessagesRequest['messages'] => [
        { role: 'assistant', content: [{ type: 'tool_use', id: `t${index}`, name: 'read', input: {} }] },
        { role: 'user', content: [toolResult(`t${index}`, result)] },
      ]),
    ],
  }
}

const toolResult = (id: string, result: Result) =>
  typeof result === 'string'
    ? { type: 'tool_result' as const, tool_use_id: id, content: result }
    : { type: 'tool_result' as const, tool_use_id: id, content: result.error, is_error: true }

const callOf = (request: MessagesRequest) => {
  const step = answerScript(request)
  const block = step.kind === 'reply' ? step.content[0] : undefined
  if (block?.type !== 'tool_use') throw new Error(`expected a call, got ${JSON.stringify(step)}`)
  return { name: block.name, input: block.input }
}

const sayOf = (request: MessagesRequest): string => {
  const step = answerScript(request)
  const block = step.kind === 'reply' ? step.content[0] : undefined
  if (block?.type !== 'text') throw new Error(`expected an answer, got ${JSON.stringify(step)}`)
  return block.text
}

describe('a command asks for one call', () => {
  test.each([
    ['write a.txt: hi', { name: 'write', input: { file_path: 'a.txt', content: 'hi' } }],
    ['read a.txt', { name: 'read', input: { file_path: 'a.txt' } }],
    ['list', { name: 'glob', input: { pattern: '**/*' } }],
    ['list notes', { name: 'glob', input: { pattern: '**/*', path: 'notes' } }],
    ['find a.b  c', { name: 'grep', input: { pattern: 'a\\.b\\s+c' } }],
    ['run echo hi', { name: 'bash', input: { command: 'echo hi' } }],
    ['pay 20 to bob', { name: 'pay', input: { amount: '20', payee: 'bob' } }],
    ['append a.txt: hi', { name: 'read', input: { file_path: 'a.txt' } }],
  ])('%p', (message, call) => {
    expect(callOf(conversation(message))).toEqual(call)
  })
})

describe('an answer', () => {
  test.each([
    ['write a.txt: hi', 'done', 'wrote a.txt\n(scripted, no AI model)'],
    ['run printf x', 'one\ntwo\n', 'run printf x:\n> one\n> two\n(scripted, no AI model)'],
    ['read a', '(scripted, no AI model)', 'read a:\n> (scripted, no AI model)\n(scripted, no AI model)'],
    [
      'write .env: x',
      { error: 'Blocked by no-env: never touch .env' },
      'failed: write .env\n> Blocked by no-env: never touch .env\n(scripted, no AI model)',
    ],
  ])('to %p quotes what came', (message, result, answer) => {
    expect(sayOf(conversation(message, [result]))).toBe(answer)
  })

  test('to anything else says what it is, what it understands and how to get a model', () => {
    const answer = sayOf(conversation('hi'))
    expect(answer).toStartWith('I am a script without a model.')
    for (const form of COMMAND_FORMS) expect(answer).toContain(form)
    expect(answer).toContain('ANTHROPIC_API_KEY')
  })
})

describe('a chain', () => {
  const chain = 'write a: 1 && then read a && then run ls'

  test('is one call at a time, in order', () => {
    expect(callOf(conversation(chain)).name).toBe('write')
    expect(callOf(conversation(chain, ['ok'])).name).toBe('read')
    expect(callOf(conversation(chain, ['ok', '1'])).name).toBe('bash')
    expect(sayOf(conversation(chain, ['ok', '1', 'a']))).toBe(
      'wrote a\nread a:\n> 1\nrun ls:\n> a\n(scripted, no AI model)',
    )
  })

  test('stops at the first error and says how much was left', () => {
    expect(sayOf(conversation(chain, [{ error: 'no' }]))).toBe(
      'failed: write a\n> no\nstopped there: 2 more commands were not tried\n(scripted, no AI model)',
    )
  })

  test("stops at an undo, which is the node's own", () => {
    const answer = sayOf(conversation('write a: 1 && then undo the last change && then list', ['ok']))
    expect(answer).toContain('wrote a\n')
    expect(answer).toContain('send it as a message of its own')
    expect(answer).toContain('1 more command was not tried')
  })

  test('stops at a command whose part has not landed, after what came before it', () => {
    expect(callOf(conversation('write a: 1 && then remember x')).name).toBe('write')
    expect(sayOf(conversation('write a: 1 && then remember x', ['ok']))).toContain(
      '"remember" is not part of this node yet',
    )
  })
})

describe('append', () => {
  const message = 'append log: two'
  const write = { name: 'write', input: { file_path: 'log', content: 'two' } }

  test('adds to what is there by an edit that must match', () => {
    expect(callOf(conversation(message, ['one\n']))).toEqual({
      name: 'edit',
      input: { file_path: 'log', old_string: 'one\n', new_string: 'one\ntwo' },
    })
    expect(sayOf(conversation(message, ['one\n', 'ok']))).toContain('appended to log')
  })

  test('makes a file that is missing or empty', () => {
    expect(callOf(conversation(message, [{ error: 'log: no such file or folder' }]))).toEqual(write)
    expect(callOf(conversation(message, ['']))).toEqual(write)
    expect(sayOf(conversation(message, ['', 'ok']))).toContain('appended to log')
  })

  test('takes a result without text for an empty file only after an edit found no such words in it', () => {
    expect(callOf(conversation(message, ['(no output)'])).name).toBe('edit')
    expect(callOf(conversation(message, ['(no output)', { error: 'not found' }]))).toEqual(write)
    expect(sayOf(conversation(message, ['(no output)', { error: 'not found' }, 'ok']))).toContain('appended to log')
  })

  test('never writes over a file that it could not read', () => {
    expect(sayOf(conversation(message, [{ error: 'it is a binary file' }]))).toContain(
      'failed: append to log\n> it is a binary file',
    )
    expect(sayOf(conversation(message, ['cut', { error: 'old_string does not occur' }]))).toContain(
      'failed: append to log',
    )
  })
})

describe('the current turn', () => {
  const said = (text: string) => ({ role: 'user' as const, content: [{ type: 'text' as const, text }] })
  const steer = (request: MessagesRequest, text: string): MessagesRequest => {
    const last = request.messages.at(-1)
    if (last?.role !== 'user') throw new Error('expected a user message')
    return {
      ...request,
      messages: [
        ...request.messages.slice(0, -1),
        { role: 'user', content: [...last.content, { type: 'text', text }] },
      ],
    }
  }

  test('is all that was said since the last answer, and what is said in the middle of a chain comes after it', () => {
    const chain = 'write a: 1 && then read a'
    const steered = steer(conversation(chain, ['ok']), 'list')
    expect(callOf(steered)).toMatchObject({ name: 'read' })
    const { messages } = conversation('', ['1', 'a\nb'])
    const results = messages.slice(1).map((message) => JSON.parse(JSON.stringify(message).replace(/"t(\d)"/g, '"u$1"')))
    expect(callOf({ ...steered, messages: [...steered.messages, ...results.slice(0, 2)] })).toMatchObject({
      name: 'glob',
    })
    expect(sayOf({ ...steered, messages: [...steered.messages, ...results] })).toBe(
      'wrote a\nread a:\n> 1\nlist:\n> a\n> b\n(scripted, no AI model)',
    )
  })

  test('is answered in one reply: an error ends its own message only, and what is no command is named', () => {
    const texts = ['run ls && then list', 'hello\nthree', 'write two.txt: TWO', 'hm']
    expect(callOf(conversation(texts, [{ error: 'no' }]))).toMatchObject({ name: 'write' })
    expect(sayOf(conversation(texts, [{ error: 'no' }, 'ok'])).split('\n')).toEqual([
      'failed: run ls',
      '> no',
      'stopped there: 1 more command was not tried',
      'not a command of mine:',
      '> hello',
      '> three',
      'wrote two.txt',
      'not a command of mine:',
      '> hm',
      ...sayOf(conversation('hm')).split('\n'),
      '(scripted, no AI model)',
    ])
  })

  test("begins after an answer of the model's or of the node's, with whatever result went before", () => {
    const { messages, ...rest } = conversation('run rm x', [{ error: 'No result: the turn ended.' }])
    const ended = { role: 'assistant' as const, content: [{ type: 'text' as const, text: '[The node answered.]' }] }
    const request = { ...rest, messages: [...messages, ended, said('list'), said('read a')] }
    expect(callOf(request)).toMatchObject({ name: 'glob' })
  })

  test('does not count the results of earlier turns', () => {
    const earlier = conversation('read a', ['1'])
    const answer = { role: 'assistant' as const, content: [{ type: 'text' as const, text: 'read a:\n> 1' }] }
    const request = { ...earlier, messages: [...earlier.messages, answer, said('read b')] }
    expect(callOf(request)).toEqual({ name: 'read', input: { file_path: 'b' } })
  })

  test('reads results that come as blocks', () => {
    const request = conversation('read a', [''])
    request.messages[2] = {
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 't0',
          content: [
            { type: 'text', text: 'one' },
            { type: 'text', text: 'two' },
          ],
        },
      ],
    }
    expect(sayOf(request)).toContain('read a:\n> one\n> two')
  })
})

describe('a part that has not landed', () => {
  test.each(['never spend more than $5', 'recall the trip', 'remember milk'])(
    '%p says so and what it will do',
    (message) => {
      const answer = sayOf(conversation(message))
      expect(answer).toContain('is not part of this node yet; it will')
      expect(answer).toContain('Nothing was done.')
    },
  )

  test('is used as soon as a tool of its name is there', () => {
    expect(callOf(conversation('remember milk', [], [...TOOLS, 'remember']))).toEqual({
      name: 'remember',
      input: { text: 'milk' },
    })
    expect(callOf(conversation('recall milk', [], ['recall']))).toEqual({ name: 'recall', input: { query: 'milk' } })
    expect(callOf(conversation('never pay more than $5', [], ['propose_rule']))).toMatchObject({
      name: 'propose_rule',
      input: { intent: 'never pay more than $5', spec: { event: 'permission:payment:send' } },
    })
  })
})
