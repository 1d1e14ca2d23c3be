/**
 * Signs the end of the decision chain as it grows, and never that of another chain: the keeper remembers the last, and whoever
 * asks must name the row that stands there. So a chain that was cut off, or written anew, cannot be signed later, when it has
 * become long enough.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type ChainEnd,
  type DecisionHead,
  decisionHeadSchema,
  GROWTH_ROWS_MAX,
  signDecisionHead,
} from '../constraint-history/decision-head.ts'
import type { Signer } from '../constraint-history/ssh-signature.ts'
import { syncFolder, writeWhole } from '../constraint-history/write-whole.ts'
import { NodeError } from '../utils/node-error.ts'
import type { KeeperPlace } from './open-rules.ts'

const headPath = (keyFolder: string): string => join(keyFolder, 'decision-head.json')

/** @throws {NodeError} RULES_TAMPERED when this is not the chain whose end was signed last, or it grew beyond reason. */
export const signHead = (
  { keyFolder, clock }: Pick<KeeperPlace, 'keyFolder' | 'clock'>,
  signer: Signer,
  { end, previous }: { readonly end: ChainEnd; readonly previous: ChainEnd | null },
): DecisionHead => {
  const last = readLastHead(keyFolder)
  const fault = chainFault(last, { end, previous })
  if (fault !== null) {
    throw new NodeError(
      'RULES_TAMPERED',
      `the chain of decisions ${fault}, and was signed up to row ${last?.count ?? 0}`,
      {
        hint: `restore data/events.sqlite from a backup; if the record was given up on purpose, remove ${headPath(keyFolder)}`,
      },
    )
  }
  if (last?.count === end.count) return last
  const head = signDecisionHead(end, clock.now(), signer)
  writeWhole(headPath(keyFolder), `${JSON.stringify(head)}\n`, { mode: 0o600 })
  syncFolder(keyFolder) // before the node learns of it
  return head
}

const chainFault = (
  last: DecisionHead | null,
  { end, previous }: { readonly end: ChainEnd; readonly previous: ChainEnd | null },
): string | null => {
  const signed = last?.count ?? 0
  if (end.count < signed) return `ends at row ${end.count}`
  if (previous?.count !== last?.count || previous?.hash !== last?.hash) return `has another row ${signed}`
  if (end.count === signed && end.hash !== last?.hash) return `has another row ${signed}`
  return end.count - signed > GROWTH_ROWS_MAX ? `ends at row ${end.count}, over ${GROWTH_ROWS_MAX} later` : null
}

/** The end that was signed last; null before the first. @throws {NodeError} KEEPER_FAILED when it cannot be read. */
export const readLastHead = (keyFolder: string): DecisionHead | null => {
  const path = headPath(keyFolder)
  try {
    return decisionHeadSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw new NodeError('KEEPER_FAILED', `${path} is damaged, or cannot be read`, {
      hint: 'restore data/keeper from a backup',
      cause: error,
    })
  }
}
