/**
 * Where the sequences of a set of rules stand, as pure functions over data. A rule of one `bSync` always stands at it; a
 * sequence stands at one of its own, and only that one blocks. It moves to the next one, and from the last to the first,
 * when something happens that it waits for: an allowed permission, or a fact. What was blocked or is only asked about has
 * not happened; so a sync that both blocks and waits for an event stays.
 */
import type { Rule, RuleEvent, RuleSync } from './rule.types.ts'
import { RuleFault } from './rule-fault.ts'

/** The index of the sync that each sequence stands at, by key; what is not listed stands at its first. */
export type Positions = ReadonlyMap<string, number>

/** Every sequence at its first sync. */
export const AT_START: Positions = new Map()

/** What became of an event; `happened` is for facts, which nobody decides. */
export type EventOutcome = 'allowed' | 'blocked' | 'ask' | 'happened'

export type PositionBlocker = {
  readonly rule: Rule
  /** Why the rule could not be evaluated, which blocks. */
  readonly fault: string | null
}

/** The rules that block an event at these positions, in the order given: by a match, or because they cannot answer. */
export const blockersAt = (
  rules: readonly Rule[],
  positions: Positions,
  event: RuleEvent,
): readonly PositionBlocker[] =>
  rules.flatMap((rule) => {
    const sync = syncAt(rule, positions)
    if (sync === null) return [{ rule, fault: 'its position does not exist' }]
    const waited = matches(sync.waitFor, event)
    const blocked = matches(sync.block, event)
    const fault = blocked.fault ?? waited.fault
    return blocked.isMatch || fault !== null ? [{ rule, fault }] : []
  })

/** The positions after an event. The same object when nothing moved. */
export const advance = (
  rules: readonly Rule[],
  positions: Positions,
  { event, outcome }: { readonly event: RuleEvent; readonly outcome: EventOutcome },
): Positions => {
  if (outcome !== 'allowed' && outcome !== 'happened') return positions
  const moved = rules.flatMap((rule) => {
    if (rule.syncs.length < 2) return []
    const sync = syncAt(rule, positions)
    if (sync === null || !matches(sync.waitFor, event).isMatch) return []
    return [[rule.key, ((positions.get(rule.key) ?? 0) + 1) % rule.syncs.length] as const]
  })
  return moved.length === 0 ? positions : new Map([...positions, ...moved])
}

const syncAt = ({ key, syncs }: Rule, positions: Positions): RuleSync | null => syncs[positions.get(key) ?? 0] ?? null

const matches = (
  listeners: RuleSync['block'],
  event: RuleEvent,
): { readonly isMatch: boolean; readonly fault: string | null } => {
  let fault: string | null = null
  for (const { test } of listeners) {
    try {
      if (test(event)) return { isMatch: true, fault: null }
    } catch (error) {
      if (!(error instanceof RuleFault)) throw error
      fault ??= error.message
    }
  }
  return { isMatch: false, fault }
}
