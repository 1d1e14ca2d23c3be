import { OWNER_LANE, OWNER_PRINCIPAL } from './journal.ts'
import type { State } from './persistence.ts'

export type ProposalState = 'open' | 'adding' | 'added' | 'refused'

export type ProposalRow = {
  readonly seq: number
  readonly at: number
  readonly name: string
  readonly source: string
  readonly examples: string
  readonly sha256: string
  readonly does: string
  readonly who: string
  readonly intent: string
  readonly channel: string
  /** Whose wish it is: what an agent proposes by itself never takes the place of what its owner asked for. */
  readonly asker: 'owner' | 'agent'
  readonly code_hash: string
  readonly state: ProposalState
}

type NewRow = Omit<ProposalRow, 'seq' | 'code_hash' | 'state'> & { readonly codeHash: string }

/** Proposed rules as they are stored. */
export const createProposalRows = (state: State) => {
  const { database } = state
  const adding = database.query<ProposalRow, []>(`select * from rule_proposals where state = 'adding' order by seq`)
  const open = database.query<ProposalRow, [number]>(
    `select * from rule_proposals where state = 'open' and at > ? order by seq`,
  )
  const names = database.query<{ name: string }, []>(
    `select distinct name from rule_proposals where state in ('adding', 'added')`,
  )
  const added = database.query<ProposalRow, [number]>(
    `select * from rule_proposals where state = 'added' order by seq desc limit ?`,
  )
  const insert = database.query<undefined, [NewRow & { readonly lane: string; readonly principal: string }]>(
    `insert into rule_proposals
       (at, name, source, examples, sha256, does, who, intent, channel, asker, code_hash, lane, principal)
     values ($at, $name, $source, $examples, $sha256, $does, $who, $intent, $channel, $asker, $codeHash, $lane, $principal)`,
  )
  const mark = database.query<undefined, [string, number]>('update rule_proposals set state = ? where seq = ?')
  return {
    /** Open, and proposed after that time: a row whose time is over stays as it is. */
    openSince: (at: number): readonly ProposalRow[] => open.all(at),
    adding: (): readonly ProposalRow[] => adding.all(),
    /** The newest that were added. */
    added: (limit: number): readonly ProposalRow[] => added.all(limit),
    /** Those whose file was made, or may have been. */
    namesUsed: (): readonly string[] => names.all().map(({ name }) => name),
    add: (row: NewRow): void =>
      state.transaction(
        'rule.proposal',
        () => void insert.run({ ...row, lane: OWNER_LANE, principal: OWNER_PRINCIPAL }),
      ),
    mark: (seq: number, to: ProposalState): void =>
      state.transaction('rule.proposal.mark', () => void mark.run(to, seq)),
  }
}
