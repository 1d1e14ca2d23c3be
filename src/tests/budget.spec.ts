/** Money as the owner meets it: a whole conversation over the twin, whose model has a price. */
import { describe, expect, test } from 'bun:test'
import type { SpendCaps } from '../agent/ledger.types.ts'
import { priceOf } from '../agent/model/model-prices.ts'
import { createSystemPrompt } from '../agent/system-prompt.ts'
import { seedRules } from '../agent/tests/gate-fixture.ts'
import { bash, calls, type LoopOptions, play, say } from '../agent/tests/loop-fixture.ts'
import { createTestState, type TestState } from '../agent/tests/state-fixture.ts'
import { answerControlWord } from '../control-words.ts'
import { createBudget } from '../node-operations.ts'
import { createTestChannel, createTestConversation, OWNER } from './conversation-fixture.ts'

const DEFAULT_MODEL = 'claude-sonnet-5-5'

const unused = () => Promise.reject(new Error('not asked in this test'))

/** A conversation whose control words about money are answered as the node answers them. */
const converse = (
  options: Pick<LoopOptions, 'caps' | 'price'> & { readonly store: TestState; readonly answer?: LoopOptions['answer'] },
) =>
  createTestConversation({
    answer: play(say('word '.repeat(40))),
    price: priceOf(DEFAULT_MODEL),
    systemPrompt: createSystemPrompt(seedRules().rules),
    ...options,
    answerControlWord: (parts) => (word, intent) =>
      answerControlWord(word, {
        status: unused,
        ...{ undo: unused, redo: unused, restore: unused, diff: unused },
        log: unused,
        resume: unused,
        questions: { open: () => [], confirm: async () => null, deny: () => [] },
        budget: createBudget(parts.ledger, intent),
      }),
  })

type Said = readonly [text: string, sender?: string]

/** Says everything in turn, in a node that starts and ends with it; what the model service got, and the replies. */
const sayAll = async (options: Parameters<typeof converse>[0], ...said: readonly Said[]) => {
  await using it = converse(options)
  const channel = createTestChannel()
  const run = options.store.clock.now()
  for (const [index, [text, sender]] of said.entries()) channel.receive(`${run}-${index}`, text, sender ?? OWNER)
  await it.serveAll(channel)
  expect(it.faults).toEqual([])
  options.store.clock.advance(1)
  return { requests: it.loop.requests.length, replies: channel.sent.map(({ text }) => text) }
}

// A node with its first rules asks the default model for a short answer: that fits once.
const ONE_CALL: Partial<SpendCaps> = { dayMicros: 10_000 }

describe('a day cap of 0.01 USD', () => {
  test('stops the second call before it is sent, also after a restart, until the owner raises it', async () => {
    using store = createTestState()
    const options = { store, caps: ONE_CALL }
    const first = await sayAll(options, ['hello'], ['more'])
    expect(first.requests).toBe(1)
    expect(first.replies[1]).toMatch(
      /^I stop here: the next model call could cost up to 0\.0\d+ USD, and 0\.00\d+ of the 0\.01 USD for today are spent; say "budget \+1 today" to raise that, then say it again\.$/,
    )
    store.reopen()
    expect(await sayAll(options, ['more'])).toMatchObject({
      requests: 0,
      replies: [expect.stringMatching(/^I stop here/)],
    })
    store.reopen()
    const raised = await sayAll(options, ['budget +1 today'], ['more'])
    expect(raised.requests).toBe(1)
    expect(raised.replies[0]).toContain('of 1.01 USD (raised from 0.01)')
    store.reopen()
    expect(await sayAll(options, ['again'])).toMatchObject({ requests: 1 })
  })

  test('is over at midnight', async () => {
    using store = createTestState()
    const caps = { dayMicros: 10_500 } // the next day's request also says how the first day ended
    expect(await sayAll({ store, caps }, ['hello'], ['more'])).toMatchObject({ requests: 1 })
    store.clock.advance(24 * 3_600_000)
    expect(await sayAll({ store, caps }, ['more'])).toMatchObject({ requests: 1 })
  })

  test.each<[string, Said]>([
    ['a stranger', ['budget +5 today', 'test:stranger']],
    ['a message that only contains it', ['please: budget +5 today']],
    ['a message of several lines', ['budget +5 today\nand then go on']],
    ['a form that is none', ['budget +5 tomorrow']],
    ['more than an extension may be', ['budget +101 today']],
  ])('is not raised by %s', async (_, said) => {
    using store = createTestState()
    const { requests } = await sayAll({ store, caps: ONE_CALL }, ['hello'], said, ['more'])
    expect(requests).toBe(1)
    expect(store.state().database.query('select * from budget_extensions').all()).toEqual([])
  })

  test('is not raised by what the model says, calls or reads', async () => {
    using store = createTestState()
    const word = 'budget +5 today'
    const answer = play(calls(bash(word), { type: 'tool_use', name: 'budget', input: { words: word } }), say(word))
    const run = await sayAll({ store, caps: { dayMicros: 20_000 }, answer }, ['hello'], ['again'], ['again'], ['again'])
    expect(run.requests).toBeGreaterThan(2)
    expect(run.replies.at(-1)).toMatch(/^I stop here/)
    expect(store.state().database.query('select * from budget_extensions').all()).toEqual([])
  })
})

test('an extension says who gave it and when, and is given once although its message is answered again', async () => {
  using store = createTestState()
  const at = store.clock.now()
  await using it = converse({ store, caps: ONE_CALL })
  const message = { channel: 'letters', messageId: 'm1', senderId: OWNER, text: 'budget +2 this month' }
  it.inbox.accept(message)
  it.loop.open('t1', message.text, { type: 'tool.start', ref: `t1/${message.text}`, payload: {} })
  it.inbox.take(message, 't1')
  it.loop.parts.ledger.extend(
    { span: 'month', micros: 2_000_000 },
    { grantedBy: `letters/${OWNER}`, message: 'letters/m1' },
  )
  const channel = createTestChannel()
  await it.serveAll(channel) // as after a crash between the extension and its reply
  expect(channel.sent).toMatchObject([{ replyTo: 'm1', text: expect.stringMatching(/^Raised\./) }])
  expect(it.loop.parts.ledger.budget().month).toMatchObject({
    limitMicros: 52_000_000,
    extensions: [{ at, micros: 2_000_000, grantedBy: `letters/${OWNER}` }],
  })
})

test('the turn that comes near a cap says so after its answer, and no other turn of that day does', async () => {
  using store = createTestState()
  const answer = play(...[30_000, 30_000, 30_000, 30_000, 30_000, 4000, 4].map((length) => say('x'.repeat(length))))
  // Answers of 7500 tokens at 1 USD per million, and requests for nearly nothing.
  const price = { input: 1, output: 1_000_000, cacheRead: 1, cacheWrite: 1 }
  const { replies } = await sayAll(
    { store, price, answer, caps: { dayMicros: 48_000 } },
    ...['1', '2', '3', '4', '5', '6', '7'].map((text): Said => [text]),
  )
  expect(replies.map((text) => text.replace(/^x+/, ''))).toEqual([
    ...['', '', '', '', ''],
    expect.stringMatching(/^\n\nNote: 0\.038\d+ of the 0\.048 USD for today are spent, 80 % or more; .*\.$/),
    '',
  ])
})
