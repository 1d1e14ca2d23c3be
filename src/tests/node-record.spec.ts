/** What can be said about a node from its record alone, beside the process that holds its home. */
import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installSeedRules } from '../agent/constraint-store.ts'
import { createDecisionChain } from '../agent/decision-chain.ts'
import { createJournal, type NewJournalEvent } from '../agent/journal.ts'
import { openState } from '../agent/persistence.ts'
import { readConfig } from '../config.ts'
import { describeStatus } from '../describe.ts'
import { prepareHome } from '../home.ts'
import { openNodeRecord } from '../node-record.ts'
import { nodeStatusSchema } from '../operations.schemas.ts'
import { SEED_RULES } from '../parts.ts'
import { systemClock } from '../utils/clock.ts'

const KEY = 'sk-test-0123456789'

/** A home that a writer has open, and what it has written. */
const createHome = (rows: readonly NewJournalEvent[] = []) => {
  const folder = mkdtempSync(join(tmpdir(), 'plaited-record-'))
  const settings = readConfig({ home: folder }, { ANTHROPIC_API_KEY: KEY })
  const { home } = settings.config
  prepareHome(home, null)
  installSeedRules(home.constraints, SEED_RULES, { state: home.state })
  const state = openState(home.state)
  const journal = createJournal(state, systemClock, () => {})
  for (const row of rows) journal.append(row)
  const record = openNodeRecord(settings)
  if (record === null) throw new Error('there is no record')
  return {
    ...{ settings, state, journal, record },
    [Symbol.dispose]: () => {
      record.close()
      state.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const start: NewJournalEvent = { type: 'turn.start', turn: 't1', ref: 't1', payload: { channel: 'cli' } }
const request: NewJournalEvent = { type: 'model.request', turn: 't1', ref: 't1/0', payload: { model: 'm', micros: 1 } }
const reply: NewJournalEvent = { type: 'model.message', turn: 't1', ref: 't1/0', payload: {} }
const tool: NewJournalEvent = { type: 'tool.start', turn: 't1', ref: 't1/0/a', payload: { tool: 'bash' } }
const result: NewJournalEvent = { type: 'tool.result', turn: 't1', ref: 't1/0/a', payload: {} }
const end: NewJournalEvent = { type: 'turn.end', turn: 't1', ref: 't1', payload: { end: 'done' } }

describe('the status from the record', () => {
  test('matches its schema and says that nobody answers', async () => {
    using home = createHome()
    const status = await home.record.status()
    expect(nodeStatusSchema.parse(status)).toEqual(status)
    expect(status).toMatchObject({
      ...{ state: 'silent', serving: false, pid: null, upSeconds: null, sandbox: { mode: 'unknown' } },
      ...{ runningTurn: null, turn: null, lastError: null, queued: 0 },
    })
    expect(status.rules).toBeGreaterThan(0)
  })

  test('shows when the decisions are not signed', async () => {
    using home = createHome()
    const status = await home.record.status()
    expect(describeStatus(status)).not.toContain('FAULT')
    const signingFault = 'the keeper cannot be asked (restart it)'
    expect(describeStatus({ ...status, signingFault })).toContain(`FAULT     decisions are not signed: ${signingFault}`)
  })

  test.each([
    [[start], { steps: 0, doing: 'node', tool: null }],
    [[start, request], { steps: 1, doing: 'model', tool: null }],
    [[start, request, reply], { steps: 1, doing: 'node', tool: null }],
    [[start, request, reply, tool], { steps: 1, doing: 'tool', tool: 'bash' }],
    [[start, request, reply, tool, result], { steps: 1, doing: 'node', tool: null }],
  ] as const)('says where the turn is: %j', async (rows, where) => {
    using home = createHome(rows)
    const { runningTurn, turn } = await home.record.status()
    expect(runningTurn).toBe('t1')
    expect(turn).toEqual({ id: 't1', since: expect.any(Number), ...where })
  })

  test('names no turn once it has ended', async () => {
    using home = createHome([start, request, reply, end])
    expect(await home.record.status()).toMatchObject({ runningTurn: null, turn: null })
  })

  test('tells the newest fault of the model service, never with the key in it', async () => {
    const fault = (message: string): NewJournalEvent => ({
      ...{ type: 'model.error', turn: 't1', ref: message },
      payload: { fault: 'rejected', status: 400, message },
    })
    using home = createHome([start, fault('first'), fault(`bad key ${KEY}`), reply])
    const { lastError } = await home.record.status()
    expect(lastError).toEqual({
      ...{ at: expect.any(Number), turn: 't1', fault: 'rejected', message: 'bad key [redacted]' },
    })
  })
})

describe('the record', () => {
  test('follows its writer, and writes nothing', async () => {
    using home = createHome()
    const all = { after: 0, limit: 10, turn: null }
    expect(await home.record.events(all)).toEqual([])
    home.journal.append(start)
    const events = await home.record.events(all)
    expect(events.map(({ type }) => type)).toEqual(['turn.start'])
    expect(await home.record.log(10)).toEqual([])
    createDecisionChain(home.state, systemClock).append({
      ...{ type: 'permission:bash:exec', turn: null, toolUseId: null, outcome: 'operator', blockedBy: [] },
      ...{ reason: null, rulesHash: 'h', rulesHead: null, positions: null, detail: {} },
    })
    expect(await home.record.auditDecisions()).toEqual({ ok: true, count: 1 })
  })

  test('gives the rows of one turn, after a row, as many as are asked for', async () => {
    const other: NewJournalEvent = { ...start, turn: 't2', ref: 't2' }
    using home = createHome([start, other, request, reply, tool])
    const seqs = async (query: Parameters<typeof home.record.events>[0]) =>
      (await home.record.events(query)).map(({ seq }) => seq)
    expect(await seqs({ after: 0, limit: 10, turn: 't1' })).toEqual([1, 3, 4, 5])
    expect(await seqs({ after: 3, limit: 1, turn: 't1' })).toEqual([4])
    expect(await seqs({ after: 1, limit: 2, turn: null })).toEqual([2, 3])
    expect(await seqs({ after: 0, limit: 10, turn: 'none' })).toEqual([])
  })

  test('of a home that is not there yet is none', () => {
    const settings = readConfig({ home: join(tmpdir(), 'plaited-nowhere') }, {})
    expect(openNodeRecord(settings)).toBeNull()
  })
})
