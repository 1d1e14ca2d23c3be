/**
 * Where the sequences among the rules stand, across restarts. A position belongs to the text of its file: a rule whose
 * file has changed begins anew. Written in the transaction of whatever moved it.
 */
import type { Positions } from '../constraint-language/positions.ts'
import type { RuleSet } from './constraint-store.ts'
import type { State } from './persistence.ts'
import { fileOf } from './rule-engine.ts'

export type RulePositions = {
  /** Those of rules that are still there, unchanged. */
  readonly load: (ruleSet: RuleSet) => Positions
  readonly transaction: State['transaction']
  /** Call it inside the transaction of what moved them. */
  readonly save: (ruleSet: RuleSet, positions: Positions) => void
}

export const createRulePositions = (state: State): RulePositions => {
  const { database } = state
  const all = database.query<{ key: string; hash: string; position: number }, []>(
    'select key, file_hash as hash, position from rule_positions',
  )
  const put = database.query<undefined, [string, string, number]>(
    `insert into rule_positions (key, file_hash, position) values (?, ?, ?)
     on conflict (key) do update set file_hash = excluded.file_hash, position = excluded.position`,
  )
  return {
    transaction: state.transaction,
    load: (ruleSet) => {
      const lengths = new Map(ruleSet.rules.map(({ key, syncs }) => [key, syncs.length]))
      const stored = all.all().filter(({ key, hash }) => hash === fileHash(ruleSet, key))
      return new Map(
        stored
          .filter(({ key, position }) => position < (lengths.get(key) ?? 0))
          .map(({ key, position }) => [key, position]),
      )
    },
    save: (ruleSet, positions) =>
      state.transaction('rules.positions', () => {
        for (const [key, position] of positions) put.run(key, fileHash(ruleSet, key), position)
      }),
  }
}

/** Positions that are forgotten with the process: for questions that decide nothing, and for measurements. */
export const forgetfulPositions: RulePositions = {
  transaction: (_, body) => body(),
  load: () => new Map(),
  save: () => {},
}

const fileHash = ({ hash, fileHashes }: RuleSet, key: string): string => fileHashes[fileOf(key)] ?? hash
