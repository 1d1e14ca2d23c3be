import { describe, expect, test } from 'bun:test'
import { createJournal } from '../agent/journal.ts'
import { createOutbox } from '../agent/outbox.ts'
import { createQuestions, type Questions } from '../agent/questions.ts'
import { parseRules } from '../agent/tests/gate-fixture.ts'
import { bash, calls, play, say } from '../agent/tests/loop-fixture.ts'
import { createTestState } from '../agent/tests/state-fixture.ts'
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
    expect(question.text).toContain("Because of ask-first#askFirst: 'Commands need your word.'")
    expect(it.loop.ran).toEqual([])
    channel.receive('m2', codeIn(question.text).toUpperCase())
    expect((await channel.replyTo('m2')).text).toBe('I do it, once.')
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

  test('does not run when a stranger says its code', async () => {
    const { it, channel, end } = talk()
    channel.receive('m1', 'build it')
    const question = await channel.replyTo('question 1 of m1')
    channel.receive('m2', codeIn(question.text), 'test:stranger')
    channel.receive('m3', 'no')
    await channel.replyTo('m1')
    await end()
    expect(it.loop.ran).toEqual([])
    expect(it.loop.parts.journal.newest('question.answered')?.payload).toMatchObject({ why: 'the owner said no' })
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
    expect((await channel.replyTo('m3')).text).toBe('confirmed: nothing')
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
    for (let wrong = 1; wrong <= 5; wrong++) {
      channel.receive(`w${wrong}`, 'bcdfghjk')
      const { text } = await channel.replyTo(`w${wrong}`)
      expect(text).toStartWith(wrong < 5 ? 'confirmed: nothing' : 'That was wrong code number 5')
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

  test('is not asked about again after a restart, which is a no to what was open', async () => {
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
    expect((await second.replyTo('m2')).text).toBe('confirmed: nothing')
    await endAgain()
    await it[Symbol.asyncDispose]()
  })

  test.each([
    [null, 'the node restarted before there was an answer'],
    ['no', 'the owner said no'],
    ['yes', 'the owner confirmed it, but the node restarted'],
  ])('that was answered with %p in an earlier run is refused in this one, and not asked about', async (word, why) => {
    using store = createTestState()
    const outbox = createOutbox(store.state(), store.clock)
    const start = () =>
      createQuestions({
        ...{ state: store.state(), journal: createJournal(store.state(), store.clock, () => {}), outbox },
        ...{ clock: store.clock, timing: { random: () => 0, wait: () => new Promise(() => {}) }, onAsked: () => {} },
      })
    const question = { turn: 't1', toolUseId: 'c1', channel: 'letters', replyTo: 'm1', senderId: 'me' }
    const ask = (questions: Questions, toolUseId = 'c1') =>
      questions.ask({ ...question, toolUseId, summary: 'make', digest: 'd' }, new AbortController().signal)
    const first = start()
    void ask(first)
    if (word === 'no') first.open()[0]?.decline('the owner said no')
    const code = codeIn(outbox.pending('letters')[0]?.text ?? '')
    expect(first.confirm('cli', code)).toBe(false) // it was asked elsewhere
    if (word === 'yes') first.confirm('letters', code)
    const second = start()
    second.closeAbandoned()
    expect(await ask(second)).toMatchObject({ why: expect.stringContaining(why) })
    expect(second.open()).toEqual([])
    void ask(second, 'c2')
    expect(second.open()).toMatchObject([{ key: 't1/q2' }])
  })

  test('ends with the fault when the answer cannot be written, instead of waiting for ever', async () => {
    using store = createTestState()
    const journal = createJournal(store.state(), store.clock, () => {})
    const full = new Error('the disk is full')
    const transaction: typeof journal.transaction = (point, body) => {
      if (point === 'question.answered') throw full
      return journal.transaction(point, body)
    }
    const questions = createQuestions({
      ...{ state: store.state(), journal: { ...journal, transaction }, clock: store.clock, onAsked: () => {} },
      ...{ outbox: createOutbox(store.state(), store.clock), timing: { random: () => 0, wait: async () => {} } },
    })
    const question = { turn: 't1', toolUseId: 'c1', channel: 'letters', replyTo: 'm1', senderId: 'me' }
    const asked = questions.ask({ ...question, summary: 'make', digest: 'd' }, new AbortController().signal)
    expect(await asked.catch((error: unknown) => error)).toBe(full)
  })

  test('is not confirmed after its time, also when the timer is late', async () => {
    const { it, channel, end } = talk()
    channel.receive('m1', 'build it')
    const code = codeIn((await channel.replyTo('question 1 of m1')).text)
    it.loop.store.clock.advance(600_000)
    expect(it.asked()).toEqual([])
    channel.receive('m2', code)
    expect((await channel.replyTo('m2')).text).toBe('confirmed: nothing')
    await end()
    expect(it.loop.ran).toEqual([])
    await it[Symbol.asyncDispose]()
  })

  test.each([
    (code: string) => `confirm ${code}`,
    (code: string) => `Yes, ${code}.`,
    (code: string) => `/${code.toUpperCase()}!`,
    (code: string) => `"${code}"`,
    (code: string) => `ok ${code.slice(0, 4)} ${code.slice(4)}`,
  ])('is confirmed by %p, and the code reaches neither the journal nor the model', async (words) => {
    const { it, channel, end } = talk()
    channel.receive('m1', 'build it')
    const code = codeIn((await channel.replyTo('question 1 of m1')).text)
    channel.receive('m2', words(code))
    expect((await channel.replyTo('m2')).text).toBe('I do it, once.')
    channel.receive('m3', 'and now?')
    await channel.replyTo('m3')
    await end()
    const stored = JSON.stringify([it.loop.parts.journal.after(0, 1000), it.loop.requests]).replaceAll(/\W/g, '')
    expect(stored.toLowerCase()).not.toContain(code)
    await it[Symbol.asyncDispose]()
  })

  test.each(['nope', 'n', 'No, thanks!'])('does not run when the owner says %p', async (word) => {
    const { it, channel, end } = talk()
    channel.receive('m1', 'build it')
    await channel.replyTo('question 1 of m1')
    channel.receive('m2', word)
    expect((await channel.replyTo('m2')).text).toBe('said no to 1')
    await end()
    await it[Symbol.asyncDispose]()
  })

  test.each([
    ['yes', 'unclear'],
    ['bcdfghj', 'unclear'],
    ['bcd fgh jkl', 'unclear'],
  ])('waits on after %p, and says what for', async (words, reply) => {
    const { it, channel, end } = talk()
    channel.receive('m1', 'build it')
    await channel.replyTo('question 1 of m1')
    channel.receive('m2', words)
    expect((await channel.replyTo('m2')).text).toBe(reply)
    expect(it.asked()).toHaveLength(1)
    channel.receive('m3', 'no')
    await channel.replyTo('m1')
    await end()
    await it[Symbol.asyncDispose]()
  })

  test('holds back a message that has its code among other words, and stores it without', async () => {
    const { it, channel, end } = talk()
    channel.receive('m1', 'build it')
    const code = codeIn((await channel.replyTo('question 1 of m1')).text)
    channel.receive('m2', `${code}.x and go on`)
    expect((await channel.replyTo('m2')).text).toBe('unclear')
    channel.receive('m3', 'no')
    await channel.replyTo('m1')
    await end()
    const said = it.loop.parts.journal.after(0, 1000).filter(({ type }) => type === 'message.in')
    expect(said.map(({ payload }) => payload)).toContainEqual(expect.objectContaining({ text: '(a code).x and go on' }))
    expect(JSON.stringify(it.loop.requests)).not.toContain(code)
    await it[Symbol.asyncDispose]()
  })

  test('tells the rules of what the owner said to the model, and of no answer', async () => {
    const noted: string[] = []
    const { it, channel, end } = talk({ note: ({ type }) => noted.push(type), commands: ['a', 'b', 'c'] })
    channel.receive('m1', 'build it')
    await channel.replyTo('question 1 of m1')
    channel.receive('m2', 'no')
    await channel.replyTo('question 2 of m1')
    it.asked()[0]?.decline('nobody was there to answer')
    channel.receive('m3', codeIn((await channel.replyTo('question 3 of m1')).text))
    await channel.replyTo('m1')
    await end()
    expect(noted).toEqual(['turn:start', 'owner:message', 'turn:end'])
    expect(JSON.stringify(resultsOf(it)[1])).toContain('nobody was there to answer')
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
