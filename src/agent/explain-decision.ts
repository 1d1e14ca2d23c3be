/**
 * One decision of the record, and whether the same rules at the same positions decide the same again. What was erased, or
 * refused before any rule was asked, cannot be replayed, and that is said.
 */
import type { RuleEvent } from '../constraint-language/rule.types.ts'
import { type Decided, judgeAgain } from './constraint-engine.ts'
import type { RuleSet } from './constraint-store.ts'
import type { DecisionOutcome } from './decision-chain.ts'
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

/** `rulesOf` finds the rules that decided; null when they are gone. Null when there is no such decision. */
export const explainDecision = (
  state: State,
  seq: number,
  rulesOf: (decided: { readonly hash: string; readonly head: string | null }) => RuleSet | null,
): Explanation | null => {
  const row = state.database.query<Row, [number]>('select * from bp_decisions where seq = ?').get(seq)
  if (row === null) return null
  const blockedBy = JSON.parse(row.blocked_by) as readonly string[]
  const positions = row.positions === null ? null : (JSON.parse(row.positions) as Record<string, number>)
  const detail: unknown = row.detail === null ? null : JSON.parse(row.detail)
  const { at, type, turn, outcome, reason } = row
  return {
    ...{ seq, at, type, turn, toolUseId: row.tool_use_id, outcome, blockedBy, reason, detail, positions },
    ...{ rulesHash: row.rules_hash, rulesHead: row.rules_head },
    replay: replay({ type, outcome, blockedBy, detail }, positions, () =>
      rulesOf({ hash: row.rules_hash, head: row.rules_head }),
    ),
  }
}

type Decision = Pick<Explanation, 'type' | 'outcome' | 'blockedBy' | 'detail'>

const replay = (
  { type, outcome, blockedBy, detail }: Decision,
  positions: Explanation['positions'],
  findRules: () => RuleSet | null,
): Explanation['replay'] => {
  const impossible = (why: string) => ({ possible: false, why }) as const
  if (outcome === 'operator') return impossible('a person ran it from the command line, past the rules')
  if (detail === null || typeof detail !== 'object') return impossible('what was asked has been erased')
  if (!isPermissionType(type) || !('v' in detail)) return impossible('it was refused before any rule was asked')
  const rules = findRules()
  if (rules === null) return impossible('the rules that decided it are gone')
  const event: RuleEvent = { type, detail: detail as RuleEvent['detail'] }
  const again = judgeAgain(rules, new Map(Object.entries(positions ?? {})), event)
  const same = again.outcome === outcome && again.blockedBy.toSorted().join() === blockedBy.toSorted().join()
  return { possible: true, same, ...again }
}
