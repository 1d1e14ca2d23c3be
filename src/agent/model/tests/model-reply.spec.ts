import { describe, expect, test } from 'bun:test'
import { parseModelReply, parseUsage } from '../model-reply.ts'

const message = (fields: Record<string, unknown> = {}) => ({
  id: 'msg_1',
  model: 'claude-sonnet-5-5',
  content: [],
  stop_reason: 'end_turn',
  usage: { input_tokens: 3, output_tokens: 4 },
  ...fields,
})

const toolUse = (id: string) => ({ type: 'tool_use', id, name: 'read', input: {}, caller: { type: 'direct' } })
const noJson: ReadonlyMap<number, string> = new Map()

describe('an answer', () => {
  test('keeps every field of a thinking block and only the known ones of the others', () => {
    const thinking = { type: 'thinking' as const, thinking: 'hm', signature: 's', later: [1] }
    const reply = parseModelReply(
      message({
        content: [thinking, { type: 'text', text: 'hi', citations: null }, toolUse('a')],
        stop_reason: 'tool_use',
      }),
      noJson,
    )
    expect(reply.content).toEqual([
      thinking,
      { type: 'text', text: 'hi' },
      { type: 'tool_use', id: 'a', name: 'read', input: {} },
    ])
  })

  test('loses its invisible text blocks, which the service refuses when they come back', () => {
    const content = [
      { type: 'text', text: '' },
      { type: 'text', text: ' \n' },
      { type: 'text', text: ' a ' },
    ]
    expect(parseModelReply(message({ content }), noJson).content).toEqual([{ type: 'text', text: ' a ' }])
  })

  test('takes a tool input from the streamed JSON and never touches the getter of the SDK', () => {
    const block = {
      type: 'tool_use',
      id: 'a',
      name: 'bash',
      get input() {
        throw new Error('partial')
      },
    }
    const reply = parseModelReply(
      message({ content: [block], stop_reason: 'tool_use' }),
      new Map([[0, '{"command":"ls"}']]),
    )
    expect(reply.content).toEqual([{ type: 'tool_use', id: 'a', name: 'bash', input: { command: 'ls' } }])
  })

  test('with half a tool input is malformed, unless the output limit cut it', () => {
    const half = new Map([[0, '{"command":"rm -rf /tm']])
    const answer = (stopReason: string) => message({ content: [toolUse('a')], stop_reason: stopReason })
    expect(() => parseModelReply(answer('tool_use'), half)).toThrow('not JSON')
    const cut = parseModelReply(answer('max_tokens'), half)
    expect(cut).toMatchObject({ stopReason: 'max_tokens', content: [{ type: 'tool_use', input: {} }] })
  })

  test.each([
    ['no stop reason', { stop_reason: null }],
    ['an unknown stop reason', { stop_reason: 'tired' }],
    ['an unknown block', { content: [{ type: 'server_tool_use', id: 'a', name: 'x', input: {} }] }],
    ['a tool input that is not an object', { content: [{ type: 'tool_use', id: 'a', name: 'x', input: [1] }] }],
    ['a tool call without an id', { content: [{ type: 'tool_use', id: '', name: 'x', input: {} }] }],
    ['two tool calls of one id', { content: [toolUse('a'), toolUse('a')] }],
    ['no usage', { usage: null }],
    ['a negative count', { usage: { input_tokens: -1, output_tokens: 0 } }],
    ['a count that no ledger could add up', { usage: { input_tokens: 1, output_tokens: 9e15 } }],
  ])('with %s is malformed', (_, fields) => {
    expect(() => parseModelReply(message(fields), noJson)).toThrow(expect.objectContaining({ fault: 'malformed' }))
  })

  test.each(['toolu_\ud800', 'toolu a', 'a/b', '', 'x'.repeat(129)])(
    'with the tool id %j, which no service takes back, is malformed',
    (id) => {
      const parse = () => parseModelReply(message({ content: [toolUse(id)], stop_reason: 'tool_use' }), noJson)
      expect(parse).toThrow(expect.objectContaining({ fault: 'malformed' }))
    },
  )

  test('whose tool input nests deeper than the journal can hold is malformed', () => {
    const deep = `{"a":${'['.repeat(1100)}${']'.repeat(1100)}}`
    const parse = (json: string) =>
      parseModelReply(message({ content: [toolUse('a')], stop_reason: 'tool_use' }), new Map([[0, json]]))
    expect(() => parse(deep)).toThrow(expect.objectContaining({ fault: 'malformed' }))
    expect(parse('{"a":[[[1]]]}').content).toHaveLength(1)
  })

  test('a tool input cannot reach the prototype of anything', () => {
    const reply = parseModelReply(
      message({ content: [toolUse('a')], stop_reason: 'tool_use' }),
      new Map([[0, '{"__proto__":{"polluted":true}}']]),
    )
    expect(reply.content[0]).not.toHaveProperty('input.polluted')
  })
})

describe('usage', () => {
  test('counts what a server without a cache leaves out as zero', () => {
    const counted = { inputTokens: 1, outputTokens: 2, cacheReadTokens: 0, cacheWriteTokens: 0 }
    expect(parseUsage({ input_tokens: 1, output_tokens: 2 })).toEqual(counted)
    expect(parseUsage({ input_tokens: 1, output_tokens: 2, cache_read_input_tokens: null })).toEqual(counted)
  })

  test('that does not parse is unknown, not zero', () => {
    expect(parseUsage({ input_tokens: 'many', output_tokens: 2 })).toBeNull()
    expect(parseUsage(undefined)).toBeNull()
  })
})
