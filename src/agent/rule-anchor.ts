import type { Anchor } from '../constraint-history/history.types.ts'
import type { Clock } from '../utils/clock.ts'
import type { State } from './persistence.ts'

/** The newest point of the rules' history that this node has audited: a history without it was set back. */
export type RuleAnchor = {
  /** null before the first audit. */
  readonly read: () => Anchor | null
  readonly write: (anchor: Anchor) => void
}

export const createRuleAnchor = (state: State, clock: Clock): RuleAnchor => {
  const select = state.database.query<Anchor, []>('select head, count from rule_anchor')
  const replace = state.database.query<undefined, [number, string, number]>(
    'insert or replace into rule_anchor (id, at, head, count) values (1, ?, ?, ?)',
  )
  return {
    read: () => select.get(),
    write: ({ head, count }) => void state.transaction('rules.anchor', () => replace.run(clock.now(), head, count)),
  }
}
