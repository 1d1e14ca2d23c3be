/** What the loop does before it calls the model, and when the call fails; the twin sees what really goes out. */
import { describe, expect, test } from 'bun:test'
import { DAY_CAP_MICROS, TURN_CAP_MICROS } from '../ledger.ts'
import type { ApiStatus, Step, StreamFault } from '../model/scripted/messages-api.types.ts'
import { parseRules } from './gate-fixture.ts'
import { bash, CHEAP, calls, createTestLoop, play, say, type TestLoop } from './loop-fixture.ts'

const spendStates = (loop: TestLoop): readonly unknown[] =>
  loop.store.state().database.query('select state, micros from spend order by seq').all()

describe('a call of the model', () => {
  test('whose price is unknown is refused before the service hears of it', async () => {
    await using loop = createTestLoop({ answer: play(say('never')), price: null })
    expect(await loop.turn()).toMatchObject({ end: 'cap', text: expect.stringContaining('twin:twin-1') })
    expect(loop.requests).toEqual([])
    expect(spendStates(loop)).toEqual([])
  })

  test('that could cost more than the turn may is refused before the service hears of it', async () => {
    // An answer may have 8192 tokens: at 62 USD per million that alone is over 0.50 USD.
    const dear = { ...CHEAP, output: 62_000_000 }
    await using loop = createTestLoop({ answer: play(say('never')), price: dear })
    expect(await loop.turn()).toMatchObject({
      end: 'cap',
      text: expect.stringContaining('of 0.5 USD are spent this turn'),
    })
    expect(loop.requests).toEqual([])
    expect(loop.events().map(({ type }) => type)).toEqual(['turn.start', 'message.in', 'turn.end'])
  })

  test('that could take the day over its cap is refused, whatever earlier turns settled at', async () => {
    await using loop = createTestLoop({ answer: play(say('never')) })
    for (let turn = 0; turn < DAY_CAP_MICROS / TURN_CAP_MICROS; turn++) {
      loop.parts.ledger.reserve({ turn: `old${turn}`, ref: `old${turn}/0`, kind: 'model', micros: TURN_CAP_MICROS })
    }
    expect(await loop.turn()).toMatchObject({ end: 'cap', text: expect.stringContaining('of 5 USD are spent today') })
    expect(loop.requests).toEqual([])
  })

  test('in the middle of a turn is refused once the turn has spent its cap, and what ran is kept', async () => {
    const dear = { ...CHEAP, output: 60_000_000 } // 0.49 USD reserved for each answer
    await using loop = createTestLoop({ answer: play(calls(bash('x'.repeat(30_000))), say('never')), price: dear })
    expect((await loop.turn()).end).toBe('cap')
    expect(loop.requests).toHaveLength(1)
    expect(loop.ran).toHaveLength(1)
    expect(loop.parts.ledger.spentInTurn('t1')).toBeLessThanOrEqual(TURN_CAP_MICROS)
  })

  test('that a rule blocks is not made, and the owner reads the rule', async () => {
    const ruleSet = parseRules({
      model: `/** No model is called on a Friday. */
export const friday = bThread([bSync({ block: on('permission:llm:call', ({ detail }) => detail.weekday === 5) })], true)`,
    })
    await using loop = createTestLoop({ answer: play(say('never')), ruleSet })
    expect(await loop.turn()).toMatchObject({
      end: 'blocked',
      text: 'I may not call the model. model#friday: No model is called on a Friday.',
    })
    expect(loop.requests).toEqual([])
    expect(spendStates(loop)).toEqual([])
  })

  test('settles at what the service reported, which is less than was reserved', async () => {
    await using loop = createTestLoop({ answer: play(say('short')) })
    await loop.turn()
    const spent = loop.parts.ledger.spentInTurn('t1')
    expect(spendStates(loop)).toEqual([{ state: 'settled', micros: spent }])
    expect(spent).toBeGreaterThan(0)
    expect(spent).toBeLessThan(8192)
  })
})

describe('a fault of the model service', () => {
  const http = (status: ApiStatus): Step => ({ kind: 'http', status, message: 'of the test' })
  const broken = (fault: StreamFault): Step => ({
    kind: 'reply',
    content: [{ type: 'text', text: 'half an answer' }],
    fault,
  })

  test.each([
    ['status 400', http(400), 'rejected the request'],
    ['status 401', http(401), 'refused the key'],
    ['status 402', http(402), 'no credit'],
    ['status 413', http(413), 'rejected the request'],
    ['status 429', http(429), 'overloaded'],
    ['status 500', http(500), 'overloaded'],
    ['status 529', http(529), 'overloaded'],
  ])('(%s) ends the turn with one sentence, and costs nothing', async (_, step, words) => {
    await using loop = createTestLoop({ answer: play(step) })
    const { end, text } = await loop.turn()
    expect({ end, text }).toEqual({ end: 'model-error', text: expect.stringContaining(words) })
    expect(text).not.toContain('\n')
    expect(spendStates(loop)).toEqual([{ state: 'settled', micros: 0 }])
  })

  test.each([
    ['an error', broken({ kind: 'error', afterEvents: 4 })],
    ['an early end', broken({ kind: 'eof', afterEvents: 4 })],
    ['a reset', broken({ kind: 'reset', afterEvents: 4 })],
  ])('(%s in the stream) ends the turn, and what the service had counted is paid', async (_, step) => {
    await using loop = createTestLoop({ answer: play(step) })
    expect((await loop.turn()).end).toBe('model-error')
    expect(spendStates(loop)).toEqual([{ state: 'settled', micros: expect.any(Number) }])
    expect(loop.parts.ledger.spentInTurn('t1')).toBeGreaterThan(0)
    const error = loop.events().find(({ type }) => type === 'model.error')
    expect(error?.payload).toMatchObject({ partialText: 'half an answer' })
  })

  test('leaves nothing of a half answer in the next request, which says that the first one is over', async () => {
    await using loop = createTestLoop({ answer: play(broken({ kind: 'eof', afterEvents: 4 }), say('whole')) })
    await loop.turn('first')
    expect((await loop.turn('second')).text).toBe('whole')
    expect(loop.requests[1]?.messages).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'first' }] },
      { role: 'assistant', content: [{ type: 'text', text: expect.stringContaining('answered this itself') }] },
      { role: 'user', content: [{ type: 'text', text: 'second' }] },
    ])
    expect(JSON.stringify(loop.requests[1]?.messages)).not.toContain('half an answer')
  })
})

describe('earlier turns', () => {
  const talk = async (loop: TestLoop, from: number, to: number, bytes: number) => {
    for (let turn = from; turn <= to; turn++) await loop.turn(`${turn}:${'x'.repeat(bytes)}`)
  }
  const firstTurnSent = (loop: TestLoop): string => {
    const block = loop.requests.at(-1)?.messages[0]?.content[0]
    return block?.type === 'text' ? (block.text.split(':')[0] ?? '') : ''
  }

  test('are all sent when one of them is long: it is shortened and says so', async () => {
    await using loop = createTestLoop({ answer: play(say('ok')) })
    await talk(loop, 1, 1, 10)
    await talk(loop, 2, 2, 300_000)
    await talk(loop, 3, 3, 10)
    expect(firstTurnSent(loop)).toBe('1')
    const sent = JSON.stringify(loop.requests.at(-1)?.messages)
    expect(sent).toContain('shortened: 300002 characters')
    expect(sent.length).toBeLessThan(10_000)
  })

  test('keep the same beginning over eight turns, so that the cached prefix holds', async () => {
    await using loop = createTestLoop({ answer: play(say('ok')) })
    const beginnings: string[] = []
    for (let turn = 1; turn <= 40; turn++) {
      await talk(loop, turn, turn, 5000)
      beginnings.push(firstTurnSent(loop))
    }
    expect(new Set(beginnings)).toEqual(new Set(['1', '9', '17', '25']))
    expect(beginnings).toEqual(beginnings.toSorted((a, b) => Number(a) - Number(b)))
  })

  test('leave the prefix of a request byte for byte as it was', async () => {
    await using loop = createTestLoop({ answer: play(calls(bash('ls')), say('one'), say('two')) })
    await talk(loop, 1, 2, 10)
    const [, before, after] = loop.requests.map(({ system, tools, messages }) => ({ system, tools, messages }))
    expect(JSON.stringify({ ...after, messages: after?.messages.slice(0, before?.messages.length) })).toBe(
      JSON.stringify(before),
    )
  })
})
