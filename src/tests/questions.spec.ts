import { describe, expect, test } from 'bun:test'
import { parseRules } from '../agent/tests/gate-fixture.ts'
import { bash, calls, play, say } from '../agent/tests/loop-fixture.ts'
import { createTestChannel, createTestConversation } from './conversation-fixture.ts'

const RULES = parseRules({
  'ask-first': `/** Commands need your word. */
export const askFirst = bThread([bSync({ block: on('permission:bash:exec', ({ detail }) => detail.confirmed === null) })], true)`,
  never: `/** Nobody removes anything. */
export const neverRemove = bThread([bSync({ block: on('permission:bash:exec', ({ detail }) => detail.cmd === 'rm') })], true)`,
})

const talk = (
  options: Partial<Parameters<typeof createTestConversation>[0]> & { readonly commands?: readonly string[] } = {},
) => {
  const steps = (options.commands ?? ['make']).map((command) => calls(bash(command)))
  const it = createTestConversation({ answer: play(...steps, say('done')), ruleSet: RULES, ...options })
  const channel = createTestChannel()
  return { it, channel, end: it.serve(channel) }
}

const codeIn = (text: string): string => /Answer (\w{8}) and/.exec(text)?.[1] ?? 'no code'

const resultsOf = (it: ReturnType<typeof createTestConversation>): readonly unknown[] =>
  it.loop.parts.journal.after(0, 1000).flatMap(({ type, payload }) => (type === 'tool.result' ? [payload] : []))

describe('a call that a rule lets through only with the owner’s word', () => {
  test('is asked about in a message of its own, runs once it is confirmed, and no code reaches the model', async () => {
    const { it, channel, end } = talk({ commands: ['make \u202Eall'] })
    channel.receive('m1', 'build it')
    const question = await channel.replyTo('question 1 of m1')
    expect(question.answers).toEqual([])
    expect(question.text).toContain('command: make \\u{202e}all')
    expect(question.text).toContain('Because of ask-first#askFirst: Commands need your word.')
    expect(it.loop.ran).toEqual([])
    channel.receive('m2', codeIn(question.text).toUpperCase())
    expect((await channel.replyTo('m2')).text).toBe('confirmed: true')
    expect((await channel.replyTo('m1')).text).toBe('done')
    channel.receive('m3', 'and now?')
    await channel.replyTo('m3')
    await end()
    expect(it.loop.ran).toMatchObject([{ kind: 'bash', command: 'make \u202Eall' }])
    expect(JSON.stringify(it.loop.requests)).not.toContain(codeIn(question.text))
    await it[Symbol.asyncDispose]()
  })

  test.each([
    ['no', 'the owner said no'],
    ['stop', 'the turn was ended'],
  ])('does not run when the owner says %s', async (word, why) => {
    const { it, channel, end } = talk()
    channel.receive('m1', 'build it')
    await channel.replyTo('question 1 of m1')
    channel.receive('m2', word)
    await channel.replyTo('m1')
    await end()
    expect(it.loop.ran).toEqual([])
    const answered = it.loop.parts.journal.newest('question.answered')
    expect(answered?.payload).toMatchObject({ why })
    await it[Symbol.asyncDispose]()
  })

  test('does not run when nobody answers in time', async () => {
    const questionTiming = { random: () => 0, wait: async (ms: number) => void expect(ms).toBe(600_000) }
    const { it, channel, end } = talk({ questionTiming })
    channel.receive('m1', 'build it')
    expect((await channel.replyTo('m1')).text).toBe('done')
    await end()
    expect(resultsOf(it)).toMatchObject([{ isError: true, content: expect.stringContaining('did not answer in time') }])
    await it[Symbol.asyncDispose]()
  })

  test('is not asked about when another rule blocks it anyway', async () => {
    const { it, channel, end } = talk({ commands: ['rm'] })
    channel.receive('m1', 'remove it')
    await channel.replyTo('m1')
    await end()
    expect(channel.sent).toHaveLength(1)
    expect(resultsOf(it)).toMatchObject([{ content: expect.stringContaining('Nobody removes anything') }])
    await it[Symbol.asyncDispose]()
  })

  test('is asked about again for the same call in the same turn: a word counts once', async () => {
    const { it, channel, end } = talk({ commands: ['make', 'make'] })
    channel.receive('m1', 'build it')
    channel.receive('m2', codeIn((await channel.replyTo('question 1 of m1')).text))
    await channel.replyTo('m2')
    await channel.replyTo('question 2 of m1')
    const [first, second] = channel.sent.filter(({ kind }) => kind === 'question').map(({ text }) => codeIn(text))
    channel.receive('m3', first ?? '')
    expect((await channel.replyTo('m3')).text).toBe('confirmed: false')
    channel.receive('m4', second ?? '')
    await channel.replyTo('m1')
    await end()
    expect(it.loop.ran).toHaveLength(2)
    await it[Symbol.asyncDispose]()
  })

  test('is given up after three questions, and after five wrong codes', async () => {
    const { it, channel, end } = talk({ commands: ['a', 'b', 'c', 'd'] })
    channel.receive('m1', 'build it')
    await channel.replyTo('question 1 of m1')
    for (let wrong = 0; wrong < 5; wrong++) {
      channel.receive(`w${wrong}`, 'bcdfghjk')
      expect((await channel.replyTo(`w${wrong}`)).text).toBe('confirmed: false')
    }
    for (let asked = 2; asked <= 3; asked++) {
      await channel.replyTo(`question ${asked} of m1`)
      channel.receive(`n${asked}`, 'no')
      await channel.replyTo(`n${asked}`)
    }
    await channel.replyTo('m1')
    await end()
    expect(it.loop.ran).toEqual([])
    const whys = resultsOf(it).map((result) => JSON.stringify(result))
    expect(whys[0]).toContain('5 wrong codes came')
    expect(whys[3]).toContain('asked 3 times in this turn already')
    await it[Symbol.asyncDispose]()
  })

  test('is asked about anew after a restart, which is a no to what was open', async () => {
    const { it, channel, end } = talk()
    channel.receive('m1', 'build it')
    const before = codeIn((await channel.replyTo('question 1 of m1')).text)
    const again = it.restart()
    expect(it.loop.parts.journal.newest('question.answered')?.payload).toMatchObject({
      why: expect.stringContaining('restarted'),
    })
    await end()
    const second = createTestChannel()
    const endAgain = it.serve(second, again)
    second.receive('m2', before)
    expect((await second.replyTo('m2')).text).toBe('confirmed: false')
    await endAgain()
    await it[Symbol.asyncDispose]()
  })

  test('a plain no is for the model when nothing is asked', async () => {
    const { it, channel, end } = talk({ answer: play(say('as you like')) })
    channel.receive('m1', 'no')
    expect((await channel.replyTo('m1')).text).toBe('as you like')
    await end()
    await it[Symbol.asyncDispose]()
  })
})
