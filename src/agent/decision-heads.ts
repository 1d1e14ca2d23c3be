/**
 * Ends of the decision chain that the keeper has signed. The chain shows every row that was edited, removed or moved within
 * it; a row that was signed as its end shows that the chain was cut off behind, or written anew as a whole. What was decided
 * since the last signed end can be cut off unseen: it is signed every hour and at shutdown.
 */
import { type ChainEnd, type DecisionHead, isDecisionHeadSigned } from '../constraint-history/decision-head.ts'
import { createVerifier } from '../constraint-history/ssh-signature.ts'
import { formatInstant } from '../utils/clock.ts'
import type { DecisionChain } from './decision-chain.ts'
import type { State } from './persistence.ts'

type ChainAudit = ReturnType<DecisionChain['verify']>

export type DecisionHeads = {
  /** Has the end of the chain signed, unless it is already. `sign` asks the keeper; whatever it rejects with comes out. */
  readonly sign: (sign: (end: ChainEnd) => Promise<DecisionHead>) => Promise<void>
  /** Walks the chain, and holds it to every signed end of it; `publicKeys` are the keeper's. */
  readonly verify: (chain: Pick<DecisionChain, 'verify'>, publicKeys: readonly string[]) => ChainAudit
}

export const createDecisionHeads = (state: State): DecisionHeads => {
  const { database } = state
  const lastRow = database.query<ChainEnd, []>('select seq as count, hash from bp_decisions order by seq desc limit 1')
  const rowHash = database.query<{ hash: string }, [number]>('select hash from bp_decisions where seq = ?')
  const newest = database.query<ChainEnd, []>('select count, hash from decision_heads order by count desc limit 1')
  const all = database.query<DecisionHead, []>('select count, at, hash, signature from decision_heads order by count')
  const insert = database.query<undefined, [number, number, string, string]>(
    'insert or replace into decision_heads (count, at, hash, signature) values (?, ?, ?, ?)',
  )
  return {
    sign: async (sign) => {
      const end = lastRow.get()
      const signed = newest.get()
      if (end === null || (end.count === signed?.count && end.hash === signed.hash)) return
      const { count, at, hash, signature } = await sign(end)
      state.transaction('decisions.head', () => insert.run(count, at, hash, signature))
    },
    verify: (chain, publicKeys) => {
      const walked = chain.verify()
      if (!walked.ok) return walked
      const isSigned = createVerifier(publicKeys)
      for (const head of all.iterate()) {
        const fault = headFault(head, { ends: walked.count, found: rowHash.get(head.count)?.hash })
        if (fault !== null) return { ok: false, ...fault }
        if (!isDecisionHeadSigned(head, isSigned))
          return { ok: false, seq: head.count, fault: "its signature as the end of the chain is not the keeper's" }
      }
      return walked
    },
  }
}

const headFault = (
  { count, hash, at }: DecisionHead,
  { ends, found }: { readonly ends: number; readonly found: string | undefined },
): { readonly seq: number; readonly fault: string } | null => {
  if (found === hash) return null
  const signed = `the keeper signed ${count} rows at ${formatInstant(at)}`
  if (count <= ends) return { seq: count, fault: `it is not the row that was there when ${signed}` }
  const rows = count === ends + 1 ? `row ${count} is` : `rows ${ends + 1} to ${count} are`
  return { seq: ends + 1, fault: `${rows} missing: ${signed}` }
}
