/** What the stores write, as log lines; the stores are real. */
import { describe, expect, test } from 'bun:test'
import { createDecisionChain, type DecisionEntry } from '../agent/decision-chain.ts'
import { createInbox } from '../agent/inbox.ts'
import { createJournal, type NewJournalEvent } from '../agent/journal.ts'
import { createOutbox } from '../agent/outbox.ts'
import { createTestState } from '../agent/tests/state-fixture.ts'
import { createJournalLog, logStores } from '../logged-stores.ts'
import { logLineSchema, type NodeLogEvents } from '../node-log.ts'
import { createLog, type LogLevel } from '../utils/log.ts'

/** Said by the owner or held by a file: it must not be in any line. */
const CONTENT = 'the owner said this'

const createLogged = (level: LogLevel = 'debug') => {
  const store = createTestState()
  const lines: string[] = []
  const log = createLog<NodeLogEvents>({ write: (line) => lines.push(line), clock: store.clock, secrets: [], level })
  const state = store.state()
  const journal = createJournal(state, store.clock, () => logNewRows())
  const logNewRows = createJournalLog(journal, log.bind({ pid: 1 }))
  const stores = logStores(
    {
      inbox: createInbox(state, store.clock),
      outbox: createOutbox(state, store.clock),
      decisions: createDecisionChain(state, store.clock),
    },
    log.bind({ pid: 1 }),
  )
  return {
    ...{ journal, ...stores, lines },
    /** The lines so far, each checked against the schema. */
    entries: () => lines.map((line) => logLineSchema.parse(JSON.parse(line))),
    [Symbol.dispose]: store[Symbol.dispose],
  }
}

const usage = { inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWriteTokens: 4 }
const rows: readonly (readonly [NewJournalEvent, Readonly<Record<string, unknown>>])[] = [
  [
    { type: 'turn.start', turn: 't1', ref: 't1', payload: { channel: 'cli' } },
    { level: 'info', event: 'turn.start', turn: 't1', channel: 'cli' },
  ],
  [
    { type: 'message.in', turn: 't1', payload: { text: CONTENT } },
    { level: 'debug', event: 'journal.entry', turn: 't1', type: 'message.in' },
  ],
  [
    {
      type: 'message.refused',
      turn: null,
      payload: { channel: 'a', senderId: 'b', reason: 'stranger', text: CONTENT },
    },
    { level: 'warn', event: 'message.refused', channel: 'a', senderId: 'b', reason: 'stranger' },
  ],
  [
    { type: 'model.request', turn: 't1', ref: 't1/0', payload: { model: 'm', micros: 7 } },
    { level: 'debug', event: 'model.request', turn: 't1', ref: 't1/0', model: 'm', micros: 7 },
  ],
  [
    {
      ...{ type: 'model.message', turn: 't1', ref: 't1/0' },
      payload: { id: 'x', model: 'm', stopReason: 'end_turn', usage, content: [{ type: 'text', text: CONTENT }] },
    },
    { level: 'info', event: 'model.reply', turn: 't1', ref: 't1/0', model: 'm', stopReason: 'end_turn', usage },
  ],
  [
    {
      type: 'model.error',
      turn: 't1',
      ref: 't1/1',
      payload: { fault: 'overloaded', status: 529, partialText: CONTENT },
    },
    { level: 'warn', event: 'model.fault', turn: 't1', ref: 't1/1', fault: 'overloaded', status: 529 },
  ],
  [
    { type: 'tool.start', turn: 't1', ref: 't1/0/a', payload: { toolUseId: 'a', tool: 'bash', command: CONTENT } },
    { level: 'debug', event: 'tool.start', turn: 't1', tool: 'bash' },
  ],
  [
    {
      ...{ type: 'tool.result', turn: 't1', ref: 't1/0/a' },
      payload: { toolUseId: 'a', tool: 'bash', content: CONTENT, isError: true },
    },
    { level: 'info', event: 'tool.result', turn: 't1', tool: 'bash', isError: true, characters: CONTENT.length },
  ],
  [
    { type: 'workspace.commit', turn: 't1', ref: 'c', payload: { sha: 'c', leftOut: [CONTENT] } },
    { level: 'info', event: 'workspace.commit', turn: 't1', sha: 'c' },
  ],
  [
    { type: 'workspace.undo', turn: null, ref: 'd', payload: { undone: 'c' } },
    { level: 'info', event: 'workspace.undo', turn: null, undone: 'c' },
  ],
  [
    { type: 'turn.resume', turn: 't1', payload: {} },
    { level: 'warn', event: 'turn.resume', turn: 't1' },
  ],
  [
    { type: 'turn.end', turn: 't1', ref: 't1', payload: { end: 'done', text: CONTENT } },
    { level: 'info', event: 'turn.end', turn: 't1', end: 'done' },
  ],
]

describe('a row of the journal', () => {
  test.each(rows)('%j is one line without what was said', (row, expected) => {
    using logged = createLogged()
    logged.journal.append(row)
    const [line, ...more] = logged.entries()
    expect<unknown>(line).toEqual({ at: '2027-01-15T08:00:00.000Z', pid: 1, seq: 1, ...expected })
    expect(more).toEqual([])
    expect(logged.lines.join()).not.toContain(CONTENT)
  })

  test('is told once it is durable, in order, and once', () => {
    using logged = createLogged()
    const { journal } = logged
    journal.transaction('turn.end', () => {
      journal.append({ type: 'turn.start', turn: 't1', ref: 't1', payload: { channel: 'cli' } })
      journal.append({ type: 'turn.end', turn: 't1', ref: 't1', payload: { end: 'done' } })
      expect(logged.lines).toEqual([])
    })
    journal.append({ type: 'turn.end', turn: 't1', ref: 't1', payload: { end: 'crashed' } }) // is there already
    expect(logged.entries().map(({ event }) => event)).toEqual(['turn.start', 'turn.end'])
  })

  test('that was rolled back is not told', () => {
    using logged = createLogged()
    const { journal } = logged
    const fail = () =>
      journal.transaction('turn.start', () => {
        journal.append({ type: 'turn.start', turn: 't1', ref: 't1', payload: { channel: 'cli' } })
        throw new Error('full')
      })
    expect(fail).toThrow('full')
    journal.append({ type: 'turn.resume', turn: 't2', payload: {} })
    expect(logged.entries().map(({ event }) => event)).toEqual(['turn.resume'])
  })

  test('of another shape, or with a name as long as a text, is told by its type alone', () => {
    using logged = createLogged()
    const { journal } = logged
    journal.append({ type: 'turn.end', turn: 't1', payload: { reason: CONTENT } })
    journal.append({ type: 'turn.end', turn: 't2', payload: null })
    const tool = CONTENT.repeat(20)
    journal.append({ type: 'tool.result', turn: 't3', payload: { tool, isError: true, content: CONTENT } })
    expect(logged.entries()).toEqual(
      ['turn.end', 'turn.end', 'tool.result'].map((type) => expect.objectContaining({ event: 'journal.entry', type })),
    )
    expect(logged.lines.join()).not.toContain(CONTENT)
  })

  test('that an earlier run has written is not told again', () => {
    using store = createTestState()
    const lines: string[] = []
    const options = { write: (line: string) => lines.push(line), clock: store.clock, secrets: [] }
    const log = createLog<NodeLogEvents>({ ...options, level: 'debug' })
    createJournal(store.state(), store.clock, () => {}).append({ type: 'turn.resume', turn: 't1', payload: {} })
    const journal = createJournal(store.reopen(), store.clock, () => logNewRows())
    const logNewRows = createJournalLog(journal, log)
    journal.append({ type: 'turn.resume', turn: 't2', payload: {} })
    expect(lines.map((line) => (JSON.parse(line) as { turn: string }).turn)).toEqual(['t2'])
  })
})

describe('what the journal does not hold is told too', () => {
  const message = { channel: 'cli', messageId: 'm1', senderId: 'local:owner', text: CONTENT }

  test('a message that is new, once', () => {
    using logged = createLogged()
    expect([logged.inbox.accept(message), logged.inbox.accept(message)]).toEqual([true, false])
    expect(logged.entries()).toEqual([
      expect.objectContaining({ event: 'message.accepted', messageId: 'm1', characters: CONTENT.length }),
    ])
    expect(logged.lines.join()).not.toContain(CONTENT)
  })

  test('a reply that was handed over, and one that waits', () => {
    using logged = createLogged()
    logged.outbox.add({ key: 't1', channel: 'cli', turn: 't1', to: 'o', replyTo: 'm1', text: CONTENT })
    logged.outbox.unsent('t1')
    logged.outbox.sent('t1', 'their id')
    expect(logged.entries().map(({ event, level }) => `${level} ${event}`)).toEqual([
      'warn reply.kept',
      'info reply.sent',
    ])
  })

  test.each([
    [{ outcome: 'allowed', toolUseId: 'a' }, 'info tool.allowed'],
    [{ outcome: 'blocked', toolUseId: 'a' }, 'info tool.refused'],
    [{ outcome: 'allowed', toolUseId: null }, 'debug permission.allowed'],
    [{ outcome: 'blocked', toolUseId: null }, 'warn permission.refused'],
    [{ outcome: 'operator', toolUseId: null }, 'info operator.call'],
  ] as const)('the decision %j as %s, without its detail', (how, told) => {
    using logged = createLogged()
    const { outcome, toolUseId } = how
    const entry: DecisionEntry = {
      ...{ type: 'permission:bash:exec', turn: 't1', reason: CONTENT, outcome, toolUseId },
      ...{ rulesHash: 'h', rulesHead: null, positions: null },
      ...{ blockedBy: ['file#rule'], detail: { cmd: CONTENT } },
    }
    expect(logged.decisions.append(entry)).toBe(1)
    const [line] = logged.entries()
    const { level, event } = line as { level: string; event: string }
    expect(`${level} ${event}`).toBe(told)
    expect(line).toMatchObject({ decision: 1, permission: 'permission:bash:exec' })
    expect(logged.lines.join()).not.toContain(CONTENT)
  })

  test('each of many decisions that are recorded together', () => {
    using logged = createLogged()
    const entry: DecisionEntry = {
      ...{ type: 'permission:file:write', turn: 't1', reason: CONTENT, outcome: 'blocked', toolUseId: null },
      ...{ rulesHash: 'h', rulesHead: null, positions: null, blockedBy: ['file#rule'], detail: { path: CONTENT } },
    }
    expect(logged.decisions.appendAll([entry, { ...entry, outcome: 'allowed', blockedBy: [] }])).toEqual([1, 2])
    expect(logged.entries()).toEqual([
      expect.objectContaining({ event: 'permission.refused', decision: 1, blockedBy: ['file#rule'] }),
      expect.objectContaining({ event: 'permission.allowed', decision: 2 }),
    ])
    expect(logged.lines.join()).not.toContain(CONTENT)
  })
})

test('a silent log reads nothing and writes nothing', () => {
  using logged = createLogged('silent')
  logged.journal.append({ type: 'turn.resume', turn: 't1', payload: {} })
  expect(logged.lines).toEqual([])
})
