/**
 * Ends of the decision chain that the keeper has signed. The chain shows every row that was edited, removed or moved within
 * it; a row that was signed as its end shows that the chain was cut off behind, or written anew as a whole. What was decided
 * since the last signed end can be cut off unseen: it is signed every hour and at shutdown.
 *
 * Whoever can take away rows can take away their signed ends, too: the last one is therefore compared as the keeper keeps it.
 */
import {
  type ChainEnd,
  type DecisionHead,
  GROWTH_ROWS_MAX,
  isDecisionHeadSigned,
} from '../constraint-history/decision-head.ts'
import { createVerifier, type Verifier } from '../constraint-history/ssh-signature.ts'
import { formatInstant } from '../utils/clock.ts'
import { NodeError } from '../utils/node-error.ts'
import type { DecisionChain } from './decision-chain.ts'
import type { State } from './persistence.ts'

type ChainAudit = ReturnType<DecisionChain['verify']>
type ChainFault = { readonly seq: number; readonly fault: string }

/** What is asked of the keeper. Contract: rejects with `NodeError` only. */
export type HeadKeeper = {
  /** The last end that it signed, as it keeps it itself; null before the first. */
  readonly last: () => Promise<DecisionHead | null>
  /** `previous` is the row that stands here where the last end was signed. */
  readonly sign: (end: ChainEnd, previous: ChainEnd | null) => Promise<DecisionHead>
}

export type DecisionHeads = {
  /** @throws {NodeError} RULES_TAMPERED when the row of the keeper's last end is missing, or is another. */
  readonly requireRow: (last: DecisionHead | null) => void
  /** Has the end of the chain signed, unless it is already. Rejects as `requireRow`, and with what the keeper rejects with. */
  readonly sign: (keeper: HeadKeeper) => Promise<void>
  /** Walks the chain, and holds it to every signed end of it, the keeper's own last one included. Rejects as `last`. */
  readonly verify: (
    chain: Pick<DecisionChain, 'verify'>,
    keeper: Pick<HeadKeeper, 'last'> & { readonly publicKeys: readonly string[] },
  ) => Promise<ChainAudit>
}

export const createDecisionHeads = (state: State): DecisionHeads => {
  const { database } = state
  const lastRow = database.query<ChainEnd, []>('select seq as count, hash from bp_decisions order by seq desc limit 1')
  const row = database.query<ChainEnd, [number]>('select seq as count, hash from bp_decisions where seq = ?')
  const newest = database.query<DecisionHead, []>(
    'select count, at, hash, signature from decision_heads order by count desc limit 1',
  )
  const all = database.query<DecisionHead, []>('select count, at, hash, signature from decision_heads order by count')
  const insert = database.query<undefined, [number, number, string, string]>(
    'insert or replace into decision_heads (count, at, hash, signature) values (?, ?, ?, ?)',
  )
  const store = ({ count, at, hash, signature }: DecisionHead): void =>
    state.transaction('decisions.head', () => void insert.run(count, at, hash, signature))
  const faultOf = (head: DecisionHead, isSigned: Verifier | null): ChainFault | null => {
    const fault = headFault(head, { ends: lastRow.get()?.count ?? 0, found: row.get(head.count)?.hash })
    if (fault !== null || isSigned === null || isDecisionHeadSigned(head, isSigned)) return fault
    return { seq: head.count, fault: "its signature as the end of the chain is not the keeper's" }
  }
  const requireRow: DecisionHeads['requireRow'] = (last) => {
    const fault = last && faultOf(last, null)
    if (fault === null) return
    throw new NodeError('RULES_TAMPERED', `decision ${fault.seq}: ${fault.fault}`, {
      hint: "restore data/events.sqlite from a backup; 'plaited audit verify' walks the whole chain",
    })
  }
  return {
    requireRow,
    sign: async (keeper) => {
      const last = await keeper.last()
      requireRow(last)
      if (last !== null && newest.get()?.count !== last.count) store(last) // of a node that was killed meanwhile
      const count = Math.min(lastRow.get()?.count ?? 0, (last?.count ?? 0) + GROWTH_ROWS_MAX)
      const end = row.get(count)
      if (end === null || count === last?.count) return
      store(await keeper.sign(end, last && row.get(last.count)))
    },
    verify: async (chain, keeper) => {
      const signedHere = newest.get() // before the keeper is asked, who signs first and is told of second
      const last = await keeper.last()
      const walked = chain.verify()
      if (!walked.ok) return walked
      const isSigned = createVerifier(keeper.publicKeys)
      if (signedHere !== null && signedHere.count > (last?.count ?? 0))
        return { ok: false, ...keeperForgot(signedHere) }
      for (const head of [...(last === null ? [] : [last]), ...all.iterate()]) {
        const fault = faultOf(head, isSigned)
        if (fault !== null) return { ok: false, ...fault }
      }
      return walked
    },
  }
}

const keeperForgot = ({ count, at }: DecisionHead): ChainFault => ({
  seq: count,
  fault: `the keeper signed it as the end of the chain at ${formatInstant(at)}, and its own record of that is gone`,
})

const headFault = (
  { count, hash, at }: DecisionHead,
  { ends, found }: { readonly ends: number; readonly found: string | undefined },
): ChainFault | null => {
  if (found === hash) return null
  const signed = `the keeper signed ${count} rows at ${formatInstant(at)}`
  if (count <= ends) return { seq: count, fault: `it is not the row that was there when ${signed}` }
  const rows = count === ends + 1 ? `row ${count} is` : `rows ${ends + 1} to ${count} are`
  return { seq: ends + 1, fault: `${rows} missing: ${signed}` }
}
