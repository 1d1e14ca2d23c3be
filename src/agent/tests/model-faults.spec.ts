/** Every fault of the model service, at both places of a turn, over the twin: what the owner reads and what is left behind. */
import { describe, expect, test } from 'bun:test'
import type { JournalEvent, JournalEventType } from '../journal.ts'
import type { AnthropicModelOptions } from '../model/anthropic.ts'
import type { ApiStatus, Step, StepBlock, StreamFault } from '../model/scripted/messages-api.types.ts'
import type { TurnEnd } from '../turn.types.ts'
import { bash, calls, createTestLoop, say, type TestLoop } from './loop-fixture.ts'

type Fault = {
  readonly name: string
  /** What the service answers as long as it is faulty. */
  readonly step: Step
  /** How the service is reached as long as it is faulty. */
  readonly connection?: Partial<AnthropicModelOptions>
  readonly attempts: number
  readonly waits: readonly number[]
  readonly end: TurnEnd
  readonly words: string
}

const ALL_WAITS = [1000, 2000, 4000, 8000, 16_000]
const ONCE = { attempts: 1, waits: [], end: 'model-error' } as const
const PARKED = { attempts: 6, waits: ALL_WAITS, end: 'parked' } as const

const text: StepBlock = { type: 'text', text: 'half an answer, long enough to arrive in several parts' }
const half: StepBlock = { ...bash('x'), inputJson: '{"command":"rm -rf /tmp/a' } as StepBlock

const http = (status: ApiStatus): Step => ({ kind: 'http', status, message: 'says the test' })
const broken = (kind: StreamFault['kind']): Step => ({
  kind: 'reply',
  content: [text, bash('never')],
  fault: { kind, afterEvents: 4 },
})
const NOBODY_LISTENS = 'http://127.0.0.1:1'

const FAULTS: readonly Fault[] = [
  { name: 'status 400', step: http(400), ...ONCE, words: 'rejected the request (the model service answered 400' },
  { name: 'status 401', step: http(401), ...ONCE, words: 'refused the key' },
  { name: 'status 402', step: http(402), ...ONCE, words: 'no credit' },
  { name: 'status 403', step: http(403), ...ONCE, words: 'refused the key' },
  { name: 'status 404', step: http(404), ...ONCE, words: 'Check the name of the model' },
  { name: 'status 413', step: http(413), ...ONCE, attempts: 2, words: 'does not fit into the model' },
  { name: 'status 429', step: http(429), ...PARKED, words: 'answered 429: says the test; I tried 6 times' },
  { name: 'status 500', step: http(500), ...PARKED, words: 'answered 500' },
  { name: 'status 529', step: http(529), ...PARKED, words: 'answered 529' },
  { name: 'an error in the stream', step: broken('error'), ...PARKED, words: 'broke off: Overloaded' },
  { name: 'an early end', step: broken('eof'), ...PARKED, words: 'closed the connection' },
  { name: 'a reset', step: broken('reset'), ...PARKED, words: 'connection to the model service broke' },
  {
    name: 'silence',
    step: broken('stall'),
    connection: { idleTimeoutMs: 20 },
    ...PARKED,
    words: 'was silent for 0.02 s',
  },
  {
    name: 'a closed port',
    step: http(500),
    connection: { baseUrl: NOBODY_LISTENS },
    ...PARKED,
    words: 'cannot be reached',
  },
  {
    name: 'tool JSON that is malformed',
    step: calls(text, bash('never'), half),
    ...{ attempts: 3, waits: [], end: 'model-error' },
    words: 'did not parse, 3 times',
  },
  {
    name: 'tool JSON that is cut at the token limit',
    step: { kind: 'reply', content: [half], stopReason: 'max_tokens' },
    ...{ attempts: 4, waits: [], end: 'repeating' },
    words: 'cut before the call of bash was complete',
  },
  {
    name: 'a refusal',
    step: { kind: 'reply', content: [text, bash('never')], stopReason: 'refusal' },
    ...ONCE,
    words: 'declined',
  },
  {
    name: 'a pause without end',
    step: { kind: 'reply', content: [text], stopReason: 'pause_turn' },
    ...{ attempts: 6, waits: [], end: 'model-error' },
    words: 'paused its answer 6 times',
  },
  {
    name: 'a conversation that does not fit',
    step: { kind: 'reply', content: [text, bash('never')], stopReason: 'model_context_window_exceeded' },
    ...{ attempts: 2, waits: [], end: 'model-error' },
    words: 'does not fit into the model',
  },
  {
    name: 'a conversation that a service refuses as too long',
    step: { kind: 'http', status: 400, message: 'prompt is too long: 210000 tokens > 200000 maximum' },
    ...{ attempts: 2, waits: [], end: 'model-error' },
    words: 'does not fit into the model',
  },
  {
    name: 'an empty answer',
    step: { kind: 'reply', content: [] },
    ...{ attempts: 3, waits: [], end: 'model-error' },
    words: 'an empty answer 3 times',
  },
  {
    name: 'thinking and nothing else',
    step: { kind: 'reply', content: [{ type: 'thinking', thinking: 'hm' }] },
    ...{ attempts: 3, waits: [], end: 'model-error' },
    words: 'an empty answer 3 times',
  },
]

const PLACES = ['at the first call', 'after a tool result'] as const

const refsOf = (events: readonly JournalEvent[], ...types: readonly JournalEventType[]) =>
  events.filter(({ type }) => types.includes(type)).map(({ ref }) => ref)

/** Each attempt was judged, reserved, settled, and has one outcome; each call that ran has one result. */
const expectConsistent = (loop: TestLoop, turn: string, attempts: number) => {
  const events = loop.events(turn)
  const requests = refsOf(events, 'model.request')
  expect(requests).toEqual(Array.from({ length: attempts }, (_, attempt) => `${turn}/${attempt}`))
  expect(refsOf(events, 'model.message', 'model.error')).toEqual(requests)
  expect(refsOf(events, 'tool.result')).toEqual(expect.arrayContaining(refsOf(events, 'tool.start')))
  const { database } = loop.store.state()
  const spent = database.query('select ref, state from spend where turn = ? order by seq').all(turn)
  expect(spent).toEqual(requests.map((ref) => ({ ref, state: 'settled' })))
  const judged = database.query(
    `select count(*) as count from bp_decisions where type = 'permission:llm:call' and turn = ?`,
  )
  expect(judged.get(turn)).toEqual({ count: attempts })
}

describe('a fault of the model service that lasts ends in one message, nothing is lost, and the next turn is normal:', () => {
  const cases = FAULTS.flatMap((fault) => PLACES.map((place) => [fault.name, place, fault] as const))

  test.each(cases)('%s, %s', async (_, place, fault) => {
    let isFaulty = true
    const isAsked = (messages: number) => isFaulty && (place === 'at the first call' || messages > 1)
    await using loop = createTestLoop({
      answer: ({ messages }) => {
        if (isAsked(messages.length)) return fault.step
        return isFaulty ? calls(bash('touch once')) : say('all is well')
      },
      model: (connect) => {
        const [whole, ill] = [connect({}), connect(fault.connection ?? {})]
        return {
          ...whole,
          stream: (request, how) => (isAsked(request.messages.length) ? ill : whole).stream(request, how),
        }
      },
    })
    const { end, text: reply } = await loop.turn()
    expect({ end, reply }).toEqual({ end: fault.end, reply: expect.stringContaining(fault.words) })
    expect(reply).not.toContain('\n')
    expect(loop.waits).toEqual([...fault.waits])
    const before = place === 'at the first call' ? [] : [{ kind: 'bash', command: 'touch once' }]
    expectConsistent(loop, 't1', fault.attempts + before.length)

    isFaulty = false
    expect(await loop.turn('next')).toMatchObject({ end: 'done', text: 'all is well' })
    expectConsistent(loop, 't2', 1)
    expect(JSON.stringify(loop.requests.at(-1)?.messages)).not.toContain('rm -rf')
    expect(loop.ran).toMatchObject(before)
    expect(loop.ran).toHaveLength(before.length)
  })
})
