/**
 * Signs the end of the decision chain, and never an earlier one: the keeper remembers the last, so that whoever can cut off
 * rows of the chain, signed ends of it included, cannot have the shorter chain signed.
 */
import { join } from 'node:path'
import {
  type ChainEnd,
  chainEndSchema,
  type DecisionHead,
  signDecisionHead,
} from '../constraint-history/decision-head.ts'
import { readIfThere } from '../constraint-history/repository.ts'
import type { Signer } from '../constraint-history/ssh-signature.ts'
import { writeWhole } from '../constraint-history/write-whole.ts'
import { NodeError } from '../utils/node-error.ts'
import type { KeeperPlace } from './open-rules.ts'

/** @throws {NodeError} RULES_TAMPERED when the chain is shorter than one that was signed, or another of its length. */
export const signHead = (
  { keyFolder, clock }: Pick<KeeperPlace, 'keyFolder' | 'clock'>,
  signer: Signer,
  end: ChainEnd,
): DecisionHead => {
  const path = join(keyFolder, 'decision-head.json')
  const last = readLast(path)
  if (last !== null && (end.count < last.count || (end.count === last.count && end.hash !== last.hash))) {
    const cut = end.count < last.count ? `ends at row ${end.count}` : `has another row ${end.count}`
    throw new NodeError('RULES_TAMPERED', `the chain of decisions ${cut}, and was signed up to row ${last.count}`, {
      hint: `restore data/events.sqlite from a backup; if the record was given up on purpose, remove ${path}`,
    })
  }
  writeWhole(path, `${JSON.stringify(end)}\n`, { mode: 0o600 })
  return signDecisionHead(end, clock.now(), signer)
}

const readLast = (path: string): ChainEnd | null => {
  const text = readIfThere(path)
  if (text === null) return null
  try {
    return chainEndSchema.parse(JSON.parse(text))
  } catch (error) {
    throw new NodeError('KEEPER_FAILED', `${path} is damaged`, {
      hint: 'restore data/keeper from a backup',
      cause: error,
    })
  }
}
