/** What the loop does before it calls the model; the twin sees what really goes out. */
import { describe, expect, test } from 'bun:test'
import { z } from 'zod'
import type { Step } from '../model/scripted/messages-api.types.ts'
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

  test('that could cost more than a call may, however short its answer, is refused before the service hears of it', async () => {
    // An answer may have at least 256 tokens: at 2,000 USD per million that alone is over 0.50 USD.
    const dear = { ...CHEAP, output: 2_000_000_000 }
    await using loop = createTestLoop({ answer: play(say('never')), price: dear })
    expect(await loop.turn()).toMatchObject({
      end: 'cap',
      text: expect.stringContaining('one call may cost at most 0.5 USD'),
    })
    expect(loop.requests).toEqual([])
    expect(loop.events().map(({ type }) => type)).toEqual(['turn.start', 'message.in', 'turn.end'])
  })

  test.each([
    ['call', { callMicros: 20_000 }, 'one model call may not cost more: PLAITED_CAP_CALL_USD raises that'],
    ['turn', { turnMicros: 20_000 }, 'no more was left for this turn: your next message starts a new one'],
    ['day', { dayMicros: 20_000 }, 'no more was left for today: "budget +1 today" raises that'],
    ['month', { monthMicros: 20_000 }, 'no more was left for this month: "budget +1 this month" raises that'],
  ] as const)(
    'asks for the longest answer that the cap of a %s can pay for, and says so when it was too short',
    async (span, caps, words) => {
      const dear = { ...CHEAP, output: 10_000_000 }
      const cut: Step = { kind: 'reply', content: [{ type: 'text', text: 'So far' }], stopReason: 'max_tokens' }
      await using loop = createTestLoop({ answer: play(cut), price: dear, caps })
      expect((await loop.turn()).text).toStartWith(`So far\n\n(My answer was cut at a cap: ${words}.)`)
      const [request] = loop.requests
      const asked = loop.events().find(({ type }) => type === 'model.request')
      const { micros, shortenedBy } = z.object({ micros: z.int(), shortenedBy: z.string() }).parse(asked?.payload)
      expect(shortenedBy).toBe(span)
      expect(micros).toBeWithin(19_991, 20_001)
      expect(request?.max_tokens).toBeWithin(1500, 2000)
    },
  )

  test('that could take the day over its cap is refused, whatever earlier turns settled at', async () => {
    await using loop = createTestLoop({ answer: play(say('never')), caps: { dayMicros: 400_000 } })
    loop.parts.ledger.reserve({ turn: 'old', ref: 'old/0', kind: 'model', micros: 400_000 })
    loop.parts.ledger.settle('old/0', 399_999)
    expect(await loop.turn()).toMatchObject({
      end: 'cap',
      text: expect.stringContaining('0.399999 of the 0.4 USD for today'),
    })
    expect(loop.requests).toEqual([])
  })

  test('in the middle of a turn is refused once the turn has spent its cap, and what ran is kept', async () => {
    const dear = { ...CHEAP, output: 60_000_000 } // 0.49 USD reserved for the first answer, and 0.48 USD spent
    await using loop = createTestLoop({
      answer: play(calls(bash('x'.repeat(32_000))), say('never')),
      price: dear,
      caps: { turnMicros: 500_000 },
    })
    expect((await loop.turn()).end).toBe('cap')
    expect(loop.requests).toHaveLength(1)
    expect(loop.ran).toHaveLength(1)
    expect(loop.parts.ledger.spentInTurn('t1')).toBeLessThanOrEqual(500_000)
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

  test('is judged knowing what it can cost and what the day has cost', async () => {
    const ruleSet = parseRules({
      frugal: `/** Cheap calls only, and few. */
export const frugal = bThread([bSync({ block: on('permission:llm:call', ({ detail }) =>
  detail.estMicroUsd < 8192 || detail.dayMicroUsd > 0) })], true)`,
    })
    await using loop = createTestLoop({ answer: play(say('once')), ruleSet })
    expect((await loop.turn()).end).toBe('done')
    expect(await loop.turn()).toMatchObject({ end: 'blocked', text: expect.stringContaining('Cheap calls only') })
    expect(loop.requests).toHaveLength(1)
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

describe('a call of the model that is stopped', () => {
  const stopped = async (afterEvents: number, price = CHEAP) => {
    const stop = new AbortController()
    await using loop = createTestLoop({
      price,
      answer: () => {
        if (afterEvents === 0) stop.abort('Stopped.')
        return { ...say('x'.repeat(48)), fault: { kind: 'stall', afterEvents } }
      },
      model: (connect) => {
        const model = connect({})
        const onText = () => stop.abort('Stopped.')
        return { ...model, stream: (request, options) => model.stream(request, { ...options, onText }) }
      },
    })
    expect((await loop.turn('go', stop.signal)).end).toBe('stopped')
    return spendStates(loop)
  }

  test('is paid for as far as the service had counted it, and for the text that had come', async () => {
    // 24 characters are at most 8 tokens, at 1 USD for a million.
    expect(await stopped(4, { ...CHEAP, input: 0 })).toEqual([{ state: 'settled', micros: 8 }])
  })

  test('before the service counted anything stands as it was reserved', async () => {
    expect(await stopped(0, { ...CHEAP, input: 0, cacheRead: 0, cacheWrite: 0 })).toEqual([
      { state: 'reserved', micros: 8192 },
    ])
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
