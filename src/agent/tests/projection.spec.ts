import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { JournalEvent } from '../journal.ts'
import { answerScript } from '../model/scripted/script.ts'
import { validateRequest } from '../model/scripted/validate-request.ts'
import { projectMessages, resultKey } from '../projection.ts'

type Call = { readonly result: string | null; readonly failed: boolean }
type Answer = {
  readonly text: string | null
  readonly calls: readonly Call[]
  readonly thinks: boolean
  readonly failsAfter: boolean
  /** Why the answer ended early; null when it did not. */
  readonly cut: 'max_tokens' | 'pause_turn' | 'model_context_window_exceeded' | null
}
type Turn = { readonly text: string; readonly answers: readonly Answer[]; readonly isRefusal: boolean }

const answers: fc.Arbitrary<Answer> = fc.record({
  text: fc.option(fc.string({ minLength: 1 }).filter((text) => text.trim() !== '')),
  calls: fc.array(fc.record({ result: fc.option(fc.string()), failed: fc.boolean() }), { maxLength: 3 }),
  thinks: fc.boolean(),
  failsAfter: fc.boolean(),
  cut: fc.option(fc.constantFrom('max_tokens', 'pause_turn', 'model_context_window_exceeded')),
})
const turns: fc.Arbitrary<Turn> = fc.record({
  text: fc.string(),
  answers: fc.array(answers, { maxLength: 3 }),
  isRefusal: fc.boolean(),
})

type Entry = Omit<JournalEvent, 'seq' | 'at'>

const entry = (turn: string, type: JournalEvent['type'], payload: unknown, ref: string | null = null): Entry => ({
  turn,
  type,
  ref,
  payload,
})

const DECLINED = {
  content: [{ type: 'tool_use', id: 'declined', name: 'bash', input: {} }],
  stopReason: 'refusal',
}

/** The entries of a conversation as the loop and the conversation write them, each turn complete. */
const journalOf = (conversation: readonly Turn[]): readonly JournalEvent[] =>
  conversation
    .flatMap(({ text, answers: replies, isRefusal }, index) => {
      const turn = `t${index}`
      return [
        entry(turn, 'turn.start', {}, turn),
        entry(turn, 'message.in', { text }),
        ...replies.flatMap((answer, step) => entriesOfAnswer(turn, `${turn}/${step}`, answer)),
        ...(isRefusal ? [entry(turn, 'model.message', DECLINED, `${turn}/end`)] : []),
        entry(turn, 'turn.end', { end: 'done' }, turn),
      ]
    })
    .map((event, index) => ({ ...event, seq: index + 1, at: 0 }))

const entriesOfAnswer = (turn: string, ref: string, answer: Answer): readonly Entry[] => {
  const calls = answer.calls.map((call, position) => ({ ...call, id: `id_${ref.replace('/', '_')}_${position}` }))
  const content = [
    ...(answer.thinks ? [{ type: 'thinking', thinking: 'hm', signature: 's' }] : []),
    ...(answer.text === null ? [] : [{ type: 'text', text: answer.text }]),
    ...calls.map(({ id }) => ({ type: 'tool_use', id, name: 'bash', input: {} })),
  ]
  return [
    entry(turn, 'model.request', {}, ref),
    ...(answer.failsAfter ? [entry(turn, 'model.error', { partialText: answer.text }, ref)] : []),
    entry(
      turn,
      'model.message',
      { content, stopReason: answer.cut ?? (calls.length > 0 ? 'tool_use' : 'end_turn') },
      ref,
    ),
    ...calls.flatMap(({ id: toolUseId, result, failed }) => {
      const started = entry(turn, 'tool.start', { toolUseId }, resultKey(ref, toolUseId))
      if (result === null) return [started]
      const payload = { toolUseId, content: result, isError: failed }
      return [started, entry(turn, 'tool.result', payload, resultKey(ref, toolUseId))]
    }),
  ]
}

const validate = (events: readonly JournalEvent[]) =>
  validateRequest(
    { model: 'm', max_tokens: 1, messages: projectMessages(events) },
    { counting: false, isSigned: () => true },
  )

describe('what the model sees', () => {
  test('is valid whatever prefix of the journal a crash leaves, with the next message after it', () => {
    let cuts = 0
    fc.assert(
      fc.property(fc.array(turns, { minLength: 1, maxLength: 4 }), fc.nat(), fc.string(), (conversation, at, next) => {
        const events = journalOf(conversation)
        // The transaction that starts a turn holds its message, so a cut never falls between the two.
        const kept = events.slice(0, at % (events.length + 1))
        if (kept.at(-1)?.type === 'turn.start') kept.pop()
        const message: JournalEvent = {
          seq: 999,
          at: 0,
          turn: 'next',
          type: 'message.in',
          ref: null,
          payload: { text: next },
        }
        cuts++
        expect(validate([...kept, message])).toMatchObject({ ok: true })
        if (kept.length > 0) expect(validate(kept)).toMatchObject({ ok: true })
      }),
      { numRuns: 300 },
    )
    expect(cuts).toBeGreaterThanOrEqual(300)
  })

  test('is valid when whole turns at the start are left out', () => {
    fc.assert(
      fc.property(fc.array(turns, { minLength: 2, maxLength: 4 }), fc.nat(3), (conversation, dropped) => {
        const left = journalOf(conversation).filter(
          ({ turn }) => Number(turn?.slice(1)) >= dropped % conversation.length,
        )
        expect(validate(left)).toMatchObject({ ok: true })
      }),
      { numRuns: 100 },
    )
  })

  test('never changes what it showed before when a turn goes on, so that the cached prefix holds', () => {
    fc.assert(
      fc.property(
        fc.array(turns, { minLength: 1, maxLength: 3 }),
        fc.array(turns, { minLength: 1, maxLength: 2 }),
        (old, more) => {
          const before = projectMessages(journalOf(old))
          const after = projectMessages(journalOf([...old, ...more]))
          const last = before.length - 1
          expect(after.slice(0, last)).toEqual(before.slice(0, last))
          const shown: readonly unknown[] = before[last]?.content ?? []
          const kept: readonly unknown[] = after[last]?.content.slice(0, shown.length) ?? []
          expect(kept).toEqual(shown)
        },
      ),
      { numRuns: 100 },
    )
  })

  test('is nothing of a turn that the service declined, however much it did before', () => {
    fc.assert(
      fc.property(fc.array(turns, { minLength: 1, maxLength: 3 }), turns, (before, turn) => {
        const messages = projectMessages(journalOf([...before, { ...turn, isRefusal: true }]))
        const whole = projectMessages(journalOf(before))
        const last = messages.at(-1)
        expect(last?.role).toBe('user')
        expect(last?.content.at(-1)).toMatchObject({ text: expect.stringContaining('declined a message here') })
        expect(messages.slice(0, whole.length - 1)).toEqual(whole.slice(0, -1))
        expect(messages.length - whole.length).toBeOneOf([0, 1])
      }),
      { numRuns: 100 },
    )
  })

  test('answers a call without a result, and takes results of another answer with the same id for none of it', () => {
    const call = (ref: string, seq: number): JournalEvent => ({
      seq,
      at: 0,
      turn: 't',
      type: 'model.message',
      ref,
      payload: { content: [{ type: 'tool_use', id: 'call_0', name: 'bash', input: {} }], stopReason: 'tool_use' },
    })
    const messages = projectMessages([
      { seq: 1, at: 0, turn: 't', type: 'message.in', ref: 'm', payload: { text: '' } },
      call('t/0', 2),
      {
        seq: 3,
        at: 0,
        turn: 't',
        type: 'tool.result',
        ref: 't/0/call_0',
        payload: { toolUseId: 'call_0', content: 'first', isError: false },
      },
      call('t/1', 4),
    ])
    expect(messages).toMatchObject([
      { role: 'user', content: [{ type: 'text', text: '(empty message)' }] },
      { role: 'assistant' },
      { role: 'user', content: [{ type: 'tool_result', content: 'first' }] },
      { role: 'assistant' },
      {
        role: 'user',
        content: [{ type: 'tool_result', is_error: true, content: expect.stringContaining('No result') }],
      },
    ])
  })
})

test('the script carries out what the owner says, and not what the node says about files and declined messages', () => {
  const file = { path: '/workspace/f', name: 'f', mime: 'text/plain', bytes: 1 }
  const attachments = [null, 'too large'].map((refusal) => ({ ...file, refusal }))
  const valid = validate(
    [
      entry('t1', 'message.in', { text: 'run rm x' }),
      entry('t1', 'model.message', DECLINED),
      entry('t2', 'message.in', { text: 'undo the last change', attachments }),
    ].map((event, seq) => ({ ...event, seq, at: 0 })),
  )
  const { request } = valid.ok ? valid : expect.unreachable()
  expect(request.messages[0]?.content).toHaveLength(4)
  expect(answerScript(request)).toMatchObject({
    content: [{ type: 'text', text: expect.stringMatching(/^"undo the last change" is done by the node itself/) }],
  })
})
