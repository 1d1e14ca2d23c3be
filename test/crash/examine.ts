/**
 * What must hold of a home after any number of crashes, once a node has run to its end: nothing lost, nothing answered,
 * done or paid for twice. It trusts what lies outside the home (mailbox, bill, files), and holds the record against it.
 */
import { expect } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { createDecisionChain } from '../../src/agent/decision-chain.ts'
import { createJournal, type JournalEvent } from '../../src/agent/journal.ts'
import type { ToolUseBlock } from '../../src/agent/model/model.types.ts'
import { validateRequest } from '../../src/agent/model/scripted/validate-request.ts'
import { openState, type State } from '../../src/agent/persistence.ts'
import { isToolUse, projectMessages, readReply, resultKey } from '../../src/agent/projection.ts'
import { parseControlWord } from '../../src/control-words.ts'
import { systemClock } from '../../src/utils/clock.ts'
import { type CrashHome, endProcess, processesWith } from './crash-home.ts'
import { type Delivery, type Letter, readDeliveries, readLetters } from './mailbox.ts'
import { readServed } from './metered-model.ts'
import { DIARY, EFFECTS_LOG } from './scenes.ts'

const EVENTS_MAX = 1_000_000

/** What the crashes and the conversation have led to, to show that the checks had something to check. */
export type Findings = Readonly<Record<string, number>>

type Evidence = {
  readonly home: CrashHome
  readonly state: State
  readonly events: readonly JournalEvent[]
  readonly letters: readonly Letter[]
  readonly deliveries: readonly Delivery[]
}

/** @throws when anything was lost or doubled. */
export const examine = (home: CrashHome): Findings => {
  const state = openState(home.paths.state)
  try {
    const events = createJournal(state, systemClock, () => {}).after(0, EVENTS_MAX)
    const letters = readLetters(home.mailbox)
    const deliveries = readDeliveries(home.mailbox)
    const evidence = { home, state, events, letters, deliveries }
    expect(createDecisionChain(state, systemClock).verify()).toMatchObject({ ok: true })
    examineTranscript(evidence)
    examineGit(evidence)
    return {
      ...examineProcesses(home),
      ...examineTurns(evidence),
      ...examineMessages(evidence),
      ...examineEffects(evidence),
      ...examineMoney(evidence),
    }
  } finally {
    state.close()
  }
}

/** A bubblewrap that dies while it sets up leaves one of its processes waiting; nothing of ours, and no command, is left. */
const examineProcesses = ({ paths }: CrashHome) => {
  const left = processesWith(paths.root)
  expect(left.filter(({ command }) => !/^\S*bwrap\0/.test(command))).toEqual([])
  for (const { pid } of left) endProcess(pid)
  return { 'processes left': left.length }
}

const rowsOf = <Row>({ state }: Evidence, sql: string): readonly Row[] => state.database.query<Row, []>(sql).all()

const ofType = (events: readonly JournalEvent[], type: JournalEvent['type']): readonly JournalEvent[] =>
  events.filter((event) => event.type === type)

const countBy = <T>(items: readonly T[]): ReadonlyMap<T, number> => {
  const counts = new Map<T, number>()
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1)
  return counts
}

/** Whatever occurs more often than once. */
const doubles = <T>(items: readonly T[]): readonly T[] =>
  [...countBy(items)].filter(([, count]) => count > 1).map(([item]) => item)

/** Each letter came in once and is in exactly one reply, and each reply arrived once. */
const examineMessages = (evidence: Evidence) => {
  const { events, letters, deliveries } = evidence
  const ids = letters.map(({ id }) => id)
  const inbound = rowsOf<{ id: string; state: string }>(
    evidence,
    'select message_id as id, state from inbound order by seq',
  )
  expect(inbound).toEqual(ids.map((id) => ({ id, state: 'answered' })))
  const outbox = rowsOf<{ key: string; state: string }>(evidence, 'select key, state from outbox order by seq')
  expect(outbox.filter(({ state }) => state !== 'sent')).toEqual([])
  const firsts = deliveries.filter(({ key }, at) => deliveries.findIndex((other) => other.key === key) === at)
  expect(firsts.map(({ key }) => key)).toEqual(outbox.map(({ key }) => `${key}/1`))
  expect(firsts.flatMap(({ answers }) => answers).toSorted()).toEqual(ids.toSorted())
  const repeats = deliveries.filter((delivery) => !firsts.includes(delivery))
  expect(repeats).toEqual([]) // it knows keys, or is asked first

  // Words overtake; everything else is taken up in the order in which it was said.
  const isWord = new Map(letters.map(({ id, text }) => [id, parseControlWord(text) !== null]))
  const taken = ofType(events, 'message.in').map(({ ref }) => ref?.replace(/^post\//, '') ?? '')
  expect(taken.toSorted()).toEqual(ids.toSorted())
  expect(taken.filter((id) => !isWord.get(id))).toEqual(ids.filter((id) => !isWord.get(id)))
  const joined = firsts.reduce((sum, { answers }) => sum + answers.length - 1, 0)
  return { letters: letters.length, joined }
}

const endSchema = z.object({ end: z.string() })

const endOf = (events: readonly JournalEvent[], turn: string | null): string =>
  ofType(events, 'turn.end')
    .filter((event) => event.turn === turn)
    .map((event) => endSchema.parse(event.payload).end)
    .join()

const examineTurns = ({ events }: Evidence) => {
  const started = ofType(events, 'turn.start').map(({ turn }) => turn)
  expect(
    ofType(events, 'turn.end')
      .map(({ turn }) => turn)
      .toSorted(),
  ).toEqual(started.toSorted())
  expect(doubles(started)).toEqual([])
  expect(ofType(events, 'model.error')).toEqual([])
  const resumed = new Set(ofType(events, 'turn.resume').map(({ turn }) => turn))
  const ends = countBy(started.map((turn) => endOf(events, turn)))
  return {
    'resumed turns': resumed.size,
    'turns given up': ends.get('crashed') ?? 0,
    'turns stopped': ends.get('stopped') ?? 0,
    'turns at a cap': ends.get('cap') ?? 0,
  }
}

/** The strict twin takes the whole conversation, and all that it was before any of its turns. */
const examineTranscript = ({ events }: Evidence): void => {
  const byTurn = Map.groupBy(events, ({ turn }) => turn)
  byTurn.delete(null)
  const request = { model: 'm', max_tokens: 1, messages: projectMessages([...byTurn.values()].flat()) }
  const validation = validateRequest(request, { counting: false, isSigned: () => true })
  expect(validation.ok ? null : validation.message).toBeNull()
}

/** The record knows exactly the commits that git has, besides the first, and git has everything. */
const examineGit = (evidence: Evidence): void => {
  const { workspace } = evidence.home.paths
  const git = (...args: string[]) =>
    Bun.spawnSync(['git', '-c', 'safe.directory=*', '-C', workspace, ...args])
      .stdout.toString()
      .trim()
  const recorded = rowsOf<{ sha: string }>(evidence, 'select sha from workspace_commits order by seq desc')
  expect(recorded.map(({ sha }) => sha)).toEqual(git('log', '--format=%H').split('\n').slice(0, -1))
  expect(git('status', '--porcelain')).toBe('')
}

const resultSchema = z.object({ content: z.string(), isError: z.boolean() })
const inputSchema = z.object({
  command: z.string().optional(),
  content: z.string().optional(),
  old_string: z.string().default(''),
  new_string: z.string().optional(),
})

/** The word that this call, and no other, leaves in a file. */
const tokenOf = ({ name, input }: ToolUseBlock): string | null => {
  if (name === 'read' || name === 'glob') return null
  const { command, content, old_string, new_string } = inputSchema.parse(input)
  const written = command ?? content ?? new_string?.slice(old_string.length) ?? ''
  return /\bT\d+[a-z]\b/.exec(written)?.[0] ?? null
}

const tokensIn = (path: string): ReadonlyMap<string, number> =>
  countBy(existsSync(path) ? (readFileSync(path, 'utf8').match(/\bT\d+[a-z]\b/g) ?? []) : [])

/** No call ran twice; one with a good result did run; one whose effect nobody knows says so. */
const examineEffects = (evidence: Evidence) => {
  const { home, events } = evidence
  const undone = rowsOf<{ turn: string }>(
    evidence,
    `select turn from workspace_commits where sha in (select undoes from workspace_commits)`,
  ).map(({ turn }) => turn)
  const ran = tokensIn(join(home.paths.workspace, EFFECTS_LOG))
  const written = tokensIn(join(home.paths.workspace, DIARY))
  expect([...ran, ...written].filter(([, count]) => count > 1)).toEqual([])
  const started = new Set(ofType(events, 'tool.start').map(({ ref }) => ref))
  const results = new Map(ofType(events, 'tool.result').map(({ ref, payload }) => [ref, resultSchema.parse(payload)]))
  const calls = ofType(events, 'model.message').flatMap((event) =>
    readReply(event)
      .content.filter(isToolUse)
      .map((block) => ({ block, turn: event.turn, ref: resultKey(event.ref, block.id) })),
  )
  let unknown = 0
  for (const { block, turn, ref } of calls) {
    const token = tokenOf(block)
    const result = results.get(ref)
    if (result?.content.includes('UNKNOWN')) unknown++
    if (token === null) continue
    const isThere = block.name === 'bash' ? ran.has(token) : written.has(token)
    if (!started.has(ref)) expect({ token, isThere }).toEqual({ token, isThere: false })
    const mayBeGone = block.name !== 'bash' && (undone.includes(turn ?? '') || block.name === 'write')
    if (result && !result.isError && !mayBeGone) expect({ token, isThere }).toEqual({ token, isThere: true })
  }
  return { 'commands that ran': ran.size, 'effects unknown': unknown, 'undone turns': undone.length }
}

const requestSchema = z.object({ micros: z.int() })

/** Each request is in the ledger once, for its bill; one whose bill the node never saw, for what was reserved. */
const examineMoney = (evidence: Evidence) => {
  const { home, events, letters } = evidence
  const bills = readServed(home.served)
  expect(doubles(bills.map(({ ref }) => ref))).toEqual([])
  const billOf = new Map(bills.map(({ ref, micros }) => [ref, micros]))
  const answered = new Set(ofType(events, 'model.message').map(({ ref }) => ref))
  const requests = ofType(events, 'model.request')
  const spend = rowsOf<{ ref: string; micros: number; state: string }>(evidence, 'select * from spend order by seq')
  expect(spend.map(({ ref }) => ref)).toEqual(requests.map(({ ref }) => ref ?? ''))
  expect(bills.filter(({ ref }) => !spend.some((row) => row.ref === ref))).toEqual([])
  for (const [at, { ref, micros, state }] of spend.entries()) {
    const request = requests[at]
    const reserved = requestSchema.parse(request?.payload).micros
    const bill = billOf.get(ref)
    const isStopped = endOf(events, request?.turn ?? null) === 'stopped'
    if (answered.has(ref)) expect({ ref, micros, state }).toEqual({ ref, micros: bill ?? -1, state: 'settled' })
    else if (!isStopped) expect({ ref, micros, state }).toEqual({ ref, micros: reserved, state: 'settled' })
    // A stopped answer costs what had come of it.
    expect(micros).toBeLessThanOrEqual(reserved)
    expect(bill ?? 0).toBeLessThanOrEqual(reserved)
  }
  const raises = letters.filter(({ text }) => text.startsWith('budget +')).map(({ id }) => `post/${id}`)
  const extensions = rowsOf<{ message: string }>(evidence, 'select message from budget_extensions order by seq')
  expect(extensions.map(({ message }) => message).toSorted()).toEqual(raises.toSorted())
  return {
    'budget raised': raises.length,
    requests: requests.length,
    'requests without outcome': requests.length - answered.size,
  }
}
