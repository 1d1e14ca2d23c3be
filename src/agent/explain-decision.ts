/**
 * One decision of the record, and whether the same rules at the same positions decide the same again. What was erased, or
 * refused before any rule was asked, cannot be replayed, and that is said.
 */
import { z } from 'zod'
import { type Decided, judgeAgain } from './constraint-engine.ts'
import type { RuleSet } from './constraint-store.ts'
import type { DecisionOutcome } from './decision-chain.ts'
import { parseRecordedEvent, UNSAVED_ID } from './permission-event.ts'
import { isPermissionType } from './permission-vocabulary.ts'
import type { State } from './persistence.ts'

export type Explanation = {
  readonly seq: number
  readonly at: number
  readonly type: string
  readonly turn: string | null
  readonly toolUseId: string | null
  readonly outcome: DecisionOutcome
  readonly blockedBy: readonly string[]
  readonly reason: string | null
  /** null: erased. */
  readonly detail: unknown
  readonly rulesHash: string
  readonly rulesHead: string | null
  readonly positions: Readonly<Record<string, number>> | null
  readonly replay:
    ({ readonly possible: true; readonly same: boolean } & Decided) | { readonly possible: false; readonly why: string }
}

type Row = {
  readonly seq: number
  readonly at: number
  readonly type: string
  readonly turn: string | null
  readonly tool_use_id: string | null
  readonly outcome: DecisionOutcome
  readonly blocked_by: string
  readonly reason: string | null
  readonly detail: string | null
  readonly rules_hash: string
  readonly rules_head: string | null
  readonly positions: string | null
}

const names = z.array(z.string())
const recordedPositions = z.record(z.string(), z.int().nonnegative())

/** `rulesOf` finds the rules that decided; null when they are gone. Null when there is no such decision. */
export const explainDecision = (
  state: State,
  seq: number,
  rulesOf: (decided: { readonly hash: string; readonly head: string | null }) => RuleSet | null,
): Explanation | null => {
  const row = state.database.query<Row, [number]>('select * from bp_decisions where seq = ?').get(seq)
  if (row === null) return null
  const blockedBy = names.parse(JSON.parse(row.blocked_by))
  const positions = row.positions === null ? null : recordedPositions.parse(JSON.parse(row.positions))
  const detail: unknown = row.detail === null ? null : JSON.parse(row.detail)
  const { at, type, turn, outcome, reason } = row
  return {
    ...{ seq, at, type, turn, toolUseId: row.tool_use_id, outcome, blockedBy, reason, positions },
    detail: withoutPlaceholder(detail),
    ...{ rulesHash: row.rules_hash, rulesHead: row.rules_head },
    replay: replay({ type, outcome, blockedBy, detail }, positions, () =>
      rulesOf({ hash: row.rules_hash, head: row.rules_head }),
    ),
  }
}

/** An event has no id before it is a row, and the row has its number. */
const withoutPlaceholder = (detail: unknown): unknown =>
  typeof detail === 'object' && detail !== null && 'id' in detail && detail.id === UNSAVED_ID
    ? Object.fromEntries(Object.entries(detail).filter(([name]) => name !== 'id'))
    : detail

type Decision = Pick<Explanation, 'type' | 'outcome' | 'blockedBy' | 'detail'>

const replay = (
  { type, outcome, blockedBy, detail }: Decision,
  positions: Explanation['positions'],
  findRules: () => RuleSet | null,
): Explanation['replay'] => {
  const impossible = (why: string) => ({ possible: false, why }) as const
  if (outcome === 'operator') return impossible('a person ran it from the command line, past the rules')
  if (detail === null) return impossible('what was asked has been erased')
  const event = parseRecordedEvent(type, detail)
  if (event === null) return impossible(whyNoEvent({ type, outcome, detail }))
  const rules = findRules()
  if (rules === null) return impossible('the rules that decided it are gone')
  const again = judgeAgain(rules, new Map(Object.entries(positions ?? {})), event)
  const same = again.outcome === outcome && again.blockedBy.toSorted().join() === blockedBy.toSorted().join()
  return { possible: true, same, ...again }
}

const whyNoEvent = ({ type, outcome, detail }: Omit<Decision, 'blockedBy'>): string => {
  const isWhole = isPermissionType(type) && typeof detail === 'object' && detail !== null && 'v' in detail
  if (isWhole) return 'another version recorded it in its own form'
  return outcome === 'allowed' ? 'this row stands for many files' : 'it was refused before any rule was asked'
}
