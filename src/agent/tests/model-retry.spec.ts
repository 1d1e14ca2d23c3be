import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { systemTiming } from '../../utils/timing.ts'
import type { Step } from '../model/scripted/messages-api.types.ts'
import { type ModelFailure, planRetry } from '../model-retry.ts'
import { parseRules, ruleOf, ruleSetOf } from './gate-fixture.ts'
import { bash, CHEAP, calls, createTestLoop, play, say } from './loop-fixture.ts'

const failure = (changed: Partial<ModelFailure> = {}): ModelFailure => ({
  ...{ fault: 'overloaded', status: 529, message: 'Overloaded', retryAfterMs: null },
  ...changed,
})
const never = (): number => {
  throw new Error('no chance is needed')
}

describe('the plan after failures', () => {
  const passing = fc.array(
    fc.record({
      fault: fc.constantFrom('overloaded', 'unreachable', 'silent', 'malformed'),
      status: fc.constantFrom(null, 429, 529),
      message: fc.string(),
      retryAfterMs: fc.option(fc.nat({ max: 200_000 })),
    }),
    { minLength: 8, maxLength: 8 },
  )

  test('ends after a handful of attempts, and until then waits as long as it was asked to, at most a minute', () => {
    fc.assert(
      fc.property(passing, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, chance) => {
        const plans = failures.map((_, last) => planRetry(failures.slice(0, last + 1), () => chance))
        const end = plans.findIndex(({ kind }) => kind === 'end')
        expect(end).toBeGreaterThanOrEqual(0)
        for (const [index, plan] of plans.slice(0, end).entries()) {
          const { fault, retryAfterMs } = failures[index] ?? expect.unreachable()
          const leastMs = fault === 'malformed' ? 0 : (retryAfterMs ?? 1000)
          expect(plan).toMatchObject({ kind: 'retry' })
          expect(plan.kind === 'retry' && plan.waitMs).toBeWithin(leastMs, 60_001)
        }
      }),
    )
  })

  test.each(['rejected', 'unauthorized', 'unpaid'] as const)('ends at once when the request was %s', (fault) => {
    const plan = planRetry([failure(), failure({ fault, status: 400 })], never)
    expect(plan).toMatchObject({ kind: 'end', ending: { end: 'model-error' } })
  })

  test('waits up to a quarter longer than its row, by chance', () => {
    const waitAfter = (count: number, chance: number) => planRetry(Array(count).fill(failure()), () => chance)
    expect([1, 2, 3, 4, 5].map((count) => waitAfter(count, 0))).toMatchObject(
      [1000, 2000, 4000, 8000, 16_000].map((waitMs) => ({ waitMs })),
    )
    expect(waitAfter(5, 0.999)).toMatchObject({ waitMs: 19_996 })
  })

  test('answers that do not parse leave the patience for an overload as it was, and the other way round', () => {
    const mixed = [failure({ fault: 'malformed' }), failure(), failure({ fault: 'malformed' })]
    expect(planRetry(mixed, never)).toMatchObject({ kind: 'retry', waitMs: 0 })
    expect(planRetry([...mixed, failure()], () => 0)).toMatchObject({ kind: 'retry', waitMs: 2000 })
    expect(planRetry([...mixed, failure({ fault: 'malformed' })], never)).toMatchObject({ kind: 'end' })
  })

  test.each([
    [61_000, '2 minutes'],
    [3_600_000, '60 minutes'],
    [86_400_000, '24 hours'],
  ])('parks at once when the service wants to be left alone for %d ms, and says so', (retryAfterMs, words) => {
    expect(planRetry([failure({ retryAfterMs })], never)).toMatchObject({
      ending: { end: 'parked', text: expect.stringContaining(`left alone for ${words}`) },
    })
  })

  test('keeps a message of several lines on one', () => {
    const plan = planRetry([failure({ fault: 'rejected', status: 400, message: 'wrong:\n  field' })], never)
    expect(plan).toMatchObject({ ending: { text: expect.stringContaining('(wrong: field)') } })
  })
})

test('a rest ends when the turn is stopped, also when it was stopped before', async () => {
  const abort = new AbortController()
  const rests = [1, 2].map(() => systemTiming.wait(3_600_000, abort.signal))
  abort.abort()
  await Promise.all(rests)
  await systemTiming.wait(3_600_000, abort.signal)
  await systemTiming.wait(1, new AbortController().signal)
  expect(abort.signal.aborted).toBe(true)
})

const http = (status: 429 | 529, retryAfter?: string): Step => ({
  ...{ kind: 'http', status, message: 'busy' },
  ...(retryAfter !== undefined && { headers: { 'retry-after': retryAfter } }),
})
const halfOf = (text: string, afterEvents = 6): Step => ({
  kind: 'reply',
  content: [{ type: 'text', text }],
  fault: { kind: 'eof', afterEvents },
})

describe('a call of the model that failed', () => {
  test('is made again, and the owner reads one whole answer', async () => {
    await using loop = createTestLoop({ answer: play(halfOf('half of it'), http(529), say('whole')) })
    expect(await loop.turn('first')).toMatchObject({ end: 'done', text: 'whole' })
    expect(loop.requests[2]).toEqual(loop.requests[0] ?? expect.unreachable())
    const texts = loop.progress.flatMap((event) => (event.kind === 'result' ? [] : [event.kind]))
    expect(texts).toEqual(['text', 'interrupted', 'text'])
    const [error] = loop.events().filter(({ type }) => type === 'model.error')
    expect(error?.payload).toMatchObject({ fault: 'unreachable', partialText: 'half of it', retryAfterMs: null })
  })

  test('with nothing shown yet interrupts nothing', async () => {
    await using loop = createTestLoop({ answer: play(http(529), halfOf('never seen', 1), say('whole')) })
    await loop.turn()
    expect(loop.progress.map(({ kind }) => kind)).toEqual(['text'])
  })

  test('is told to the owner when the rest is long, with its length and its reason', async () => {
    await using loop = createTestLoop({ answer: play(http(529), http(529), http(429, '30'), say('whole')) })
    await loop.turn()
    expect(loop.waits).toEqual([1000, 2000, 30_000])
    expect(loop.progress).toEqual([
      { kind: 'waiting', seconds: 30, reason: 'the model service answered 429: busy' },
      { kind: 'text', text: 'whole' },
    ])
  })

  test.each([0, 1])('after a silence is told however short the rest is (after %d events)', async (afterEvents) => {
    const silent: Step = { kind: 'reply', content: [], fault: { kind: 'stall', afterEvents } }
    await using loop = createTestLoop({
      answer: play(silent, say('whole')),
      model: (connect) => connect({ idleTimeoutMs: 50 }),
    })
    await loop.turn()
    const waiting = loop.progress.filter(({ kind }) => kind === 'waiting')
    expect(waiting).toEqual([{ kind: 'waiting', seconds: 1, reason: 'the model service was silent for 0.05 s' }])
  })

  test.each([
    ['0', 1000],
    ['7', 7000],
    ['60', 60_000],
    ['Fri, 15 Jan 2027 09:00:00 GMT', 1000],
  ])('and asked for a rest of %p is made again after %d ms', async (retryAfter, waitMs) => {
    await using loop = createTestLoop({ answer: play(http(429, retryAfter), say('whole')) })
    expect((await loop.turn()).end).toBe('done')
    expect(loop.waits).toEqual([waitMs])
  })

  test('and asked for more than a minute is not made again, and the next message goes on', async () => {
    await using loop = createTestLoop({ answer: play(calls(bash('half')), http(429, '61'), say('the other half')) })
    expect(await loop.turn('work')).toMatchObject({ end: 'parked', text: expect.stringContaining('2 minutes') })
    expect(loop.waits).toEqual([])
    expect((await loop.turn('go on')).text).toBe('the other half')
    expect(loop.requests[2]?.messages).toMatchObject([
      { content: [{ text: 'work' }] },
      { role: 'assistant', content: [{ type: 'tool_use' }] },
      { content: [{ type: 'tool_result', content: 'did bash' }] },
      { role: 'assistant', content: [{ text: expect.stringContaining('Go on with it when the owner speaks') }] },
      { content: [{ text: 'go on' }] },
    ])
  })

  test('takes no room from the conversation with what it had streamed', async () => {
    const long = halfOf('x'.repeat(60_000), 2400)
    await using loop = createTestLoop({ answer: play(say('one'), long, long, say('two'), say('three')) })
    for (const text of ['first', 'second', 'third']) await loop.turn(text)
    expect(loop.requests.at(-1)?.messages[0]?.content).toMatchObject([{ text: 'first' }])
  })

  test('begins its patience anew with the next step', async () => {
    const fail = http(529)
    await using loop = createTestLoop({ answer: play(fail, fail, calls(bash('a')), fail, say('done')) })
    expect((await loop.turn()).end).toBe('done')
    expect(loop.waits).toEqual([1000, 2000, 1000])
  })

  test('is not made again once the owner has stopped the turn', async () => {
    const abort = new AbortController()
    await using loop = createTestLoop({
      answer: play(calls(bash('a')), http(529)),
      onWait: () => abort.abort('Stopped.'),
    })
    expect(await loop.turn('go', abort.signal)).toMatchObject({
      end: 'stopped',
      text: 'Stopped. Done before: bash a.',
    })
    expect(loop.requests).toHaveLength(2)
    expect(loop.events().filter(({ type }) => type === 'model.request')).toHaveLength(2)
  })

  test('is asked of the gate again, which may have changed its mind', async () => {
    let asked = 0
    const once = ruleOf('once#only', ({ type }) => type === 'permission:llm:call' && ++asked > 1)
    await using loop = createTestLoop({ answer: play(http(529)), ruleSet: ruleSetOf(once) })
    expect(await loop.turn()).toMatchObject({ end: 'blocked', text: expect.stringContaining('once#only') })
    expect(loop.requests).toHaveLength(1)
  })

  test('is judged by rules that read what was spent, with what the failure cost', async () => {
    const ruleSet = parseRules({
      thrift: `/** Nothing is spent twice. */
export const thrift = bThread([bSync({ block: on('permission:llm:call', ({ detail }) => detail.dayMicroUsd > 0) })], true)`,
    })
    await using loop = createTestLoop({ answer: play(halfOf('not for free')), ruleSet })
    expect((await loop.turn()).end).toBe('blocked')
    expect(loop.requests).toHaveLength(1)
  })

  test('pays for what it had streamed, so that broken answers end at the cap like whole ones', async () => {
    const dear = { ...CHEAP, output: 50_000_000 }
    // 8.8 kB of a broken answer count as 2930 tokens, 0.147 USD; what is left after four does not pay for 256.
    const answer = play(halfOf('x'.repeat(9000), 370))
    await using loop = createTestLoop({ answer, price: dear, caps: { turnMicros: 600_000 } })
    expect((await loop.turn()).end).toBe('cap')
    expect(loop.requests.map(({ max_tokens }) => max_tokens < 8192)).toEqual([false, false, true, true])
    expect(loop.parts.ledger.spentInTurn('t1')).toBeWithin(585_000, 600_000)
  })
})

describe('a crash between two attempts', () => {
  const failed = (count: number) =>
    Array.from({ length: count }, (_, attempt) => [
      { type: 'model.request', ref: `t1/${attempt}`, payload: {} } as const,
      { type: 'model.error', ref: `t1/${attempt}`, payload: failure() } as const,
    ]).flat()

  test('forgets no attempt: the rest is as long as it would have been', async () => {
    await using loop = createTestLoop({ answer: play(http(529), say('whole')) })
    loop.open('t1', 'go', ...failed(3))
    expect((await loop.resume('t1', 'go')).text).toBe('whole')
    expect(loop.waits).toEqual([4000, 8000])
  })

  test('after the last one parks the turn without another', async () => {
    await using loop = createTestLoop({ answer: play(say('never asked')) })
    loop.open('t1', 'go', ...failed(6))
    expect((await loop.resume('t1', 'go')).end).toBe('parked')
    expect(loop.requests).toEqual([])
  })

  test('is survived by a failure that the first version journalled', async () => {
    await using loop = createTestLoop({ answer: play(say('whole')) })
    const payload = { fault: 'unreachable', status: null, message: 'gone', partialText: '' }
    loop.open('t1', 'go', { type: 'model.error', ref: 't1/0', payload })
    expect((await loop.resume('t1', 'go')).text).toBe('whole')
  })
})
