/**
 * Every decision of the gate, each row bound to the one before by a hash over its fields and over sha256(salt || detail).
 * Detail and salt can be erased later (the owner may forget) and the chain still verifies.
 */
import { createHash, randomBytes } from 'node:crypto'
import { canonicalJson, type Json } from '../utils/canonical-json.ts'
import type { Clock } from '../utils/clock.ts'
import { OWNER_LANE, OWNER_PRINCIPAL } from './journal.ts'
import type { State } from './persistence.ts'

const SALT_BYTES = 16
/** What the first row names as its predecessor. */
const GENESIS_HASH = '0'.repeat(64)

export type DecisionOutcome = 'allowed' | 'blocked' | 'ask' | 'operator'

export type DecisionEntry = {
  readonly type: string
  readonly turn: string | null
  readonly toolUseId: string | null
  /** `ask`: blocked unless the owner confirms. `operator`: a person ran it from the command line, past the gate. */
  readonly outcome: DecisionOutcome
  readonly blockedBy: readonly string[]
  readonly reason: string | null
  /** sha256 over the rules that decided. */
  readonly rulesHash: string
  /** Commit of the rules' repository; null where they have none. */
  readonly rulesHead: string | null
  /** Where the sequences stood when it was decided; null when there are none. */
  readonly positions: Readonly<Record<string, number>> | null
  readonly detail: Readonly<Record<string, unknown>>
}

export type DecisionChain = {
  /** Appends and returns the row's number. */
  readonly append: (entry: DecisionEntry) => number
  /** Appends many at the price of one: in a single transaction, and none costs nothing. Returns the rows' numbers. */
  readonly appendAll: (entries: readonly DecisionEntry[]) => readonly number[]
  /** The newest questions to the rules whose detail is not erased, newest first. */
  readonly recent: (limit: number) => readonly { readonly type: string; readonly detail: unknown }[]
  readonly counts: () => { readonly allowed: number; readonly blocked: number }
  /** Walks the chain; names the first row that does not fit. */
  readonly verify: () =>
    { readonly ok: true; readonly count: number } | { readonly ok: false; readonly seq: number; readonly fault: string }
}

type Row = {
  seq: number
  at: number
  turn: string | null
  tool_use_id: string | null
  type: string
  outcome: DecisionOutcome
  blocked_by: string
  reason: string | null
  rules_hash: string
  rules_head: string | null
  positions: string | null
  detail: string | null
  salt: Uint8Array | null
  detail_hash: string
  previous_hash: string
  hash: string
  lane: string
  principal: string
}

type HashedRow = Omit<Row, 'detail' | 'salt' | 'hash'>

const sha256 = (...parts: (string | Uint8Array)[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

const HASHED_COLUMNS = [
  'seq',
  'at',
  'turn',
  'tool_use_id',
  'type',
  'outcome',
  'blocked_by',
  'reason',
  'rules_hash',
  'rules_head',
  'positions',
  'detail_hash',
  'previous_hash',
  'lane',
  'principal',
] as const satisfies readonly (keyof HashedRow)[]

const LATER_COLUMNS: ReadonlySet<string> = new Set(['rules_head', 'positions'])

const hashOf = (row: HashedRow): string => {
  const fields: Record<string, Json> = {}
  for (const column of HASHED_COLUMNS) {
    // Rows from before a column existed are hashed without it.
    if (LATER_COLUMNS.has(column) && row[column] === null) continue
    fields[column] = row[column]
  }
  return sha256(canonicalJson(fields))
}

export const createDecisionChain = (state: State, clock: Clock): DecisionChain => {
  const { database } = state
  const last = database.query<{ seq: number; hash: string }, []>(
    'select seq, hash from bp_decisions order by seq desc limit 1',
  )
  const insert = database.query<undefined, [Record<string, string | number | null | Uint8Array>]>(
    `insert into bp_decisions (${HASHED_COLUMNS.join(', ')}, detail, salt, hash)
     values (${HASHED_COLUMNS.map((column) => `$${column}`).join(', ')}, $detail, $salt, $hash)`,
  )
  const count = database.query<{ count: number }, [string]>(
    'select count(*) as count from bp_decisions where outcome = ?',
  )
  const recent = database.query<{ type: string; detail: string }, [number]>(
    `select type, detail from bp_decisions where detail is not null and outcome <> 'operator' order by seq desc limit ?`,
  )
  const all = database.query<Row, []>('select * from bp_decisions order by seq')
  const append = (entry: DecisionEntry): number => {
    const previous = last.get()
    const salt = randomBytes(SALT_BYTES)
    const detail = JSON.stringify(entry.detail)
    const row: HashedRow = {
      seq: (previous?.seq ?? 0) + 1,
      at: clock.now(),
      turn: entry.turn,
      tool_use_id: entry.toolUseId?.toWellFormed() ?? null,
      type: entry.type.toWellFormed(),
      outcome: entry.outcome,
      blocked_by: JSON.stringify(entry.blockedBy),
      // SQLite replaces a lone surrogate: what is hashed must be what comes back.
      reason: entry.reason?.toWellFormed() ?? null,
      rules_hash: entry.rulesHash,
      rules_head: entry.rulesHead,
      positions: entry.positions && JSON.stringify(entry.positions),
      detail_hash: sha256(salt, detail),
      previous_hash: previous?.hash ?? GENESIS_HASH,
      lane: OWNER_LANE,
      principal: OWNER_PRINCIPAL,
    }
    insert.run({ ...row, detail, salt, hash: hashOf(row) })
    return row.seq
  }
  return {
    append: (entry) => state.transaction('decision', () => append(entry)),
    appendAll: (entries) =>
      entries.length === 0 ? [] : state.transaction('decisions', () => entries.map((entry) => append(entry))),
    recent: (limit) => recent.all(limit).map(({ type, detail }) => ({ type, detail: JSON.parse(detail) as unknown })),
    counts: () => ({ allowed: count.get('allowed')?.count ?? 0, blocked: count.get('blocked')?.count ?? 0 }),
    verify: () => verifyRows(all.iterate()),
  }
}

const verifyRows = (rows: Iterable<Row>): ReturnType<DecisionChain['verify']> => {
  let previous = GENESIS_HASH
  let count = 0
  for (const row of rows) {
    count++
    const fault = faultOf(row, count, previous)
    if (fault) return { ok: false, seq: row.seq, fault }
    previous = row.hash
  }
  return { ok: true, count }
}

const faultOf = (row: Row, expectedSeq: number, previous: string): string | null => {
  if (row.seq !== expectedSeq) return `row ${expectedSeq} is missing`
  if (row.previous_hash !== previous) return 'it does not continue the row before'
  if (hashOf(row) !== row.hash) return 'its fields were changed'
  const erased = row.detail === null && row.salt === null
  if (!erased && sha256(row.salt ?? '', row.detail ?? '') !== row.detail_hash) return 'its detail was changed'
  return null
}
