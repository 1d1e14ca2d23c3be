/**
 * The end of the decision chain as the keeper signed it: so many rows, the last with this hash. A chain that ends earlier
 * was cut off, which the chain alone cannot show.
 */
import { z } from 'zod'
import { canonicalJson } from '../utils/canonical-json.ts'
import type { Signer, Verifier } from './ssh-signature.ts'

const SIGNATURE_CHARACTERS_MAX = 512
/** Rows by which a chain may grow at once, 250 a second for an hour: after any number, nothing could be signed any more. */
export const GROWTH_ROWS_MAX = 1_000_000

export const chainEndSchema = z.strictObject({
  count: z.int().nonnegative(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
})

/** Rows of a chain, and the hash of the last. */
export type ChainEnd = z.output<typeof chainEndSchema>

export const decisionHeadSchema = chainEndSchema.extend({
  /** Milliseconds since the epoch, by the keeper's clock. */
  at: z.int().nonnegative(),
  signature: z.string().max(SIGNATURE_CHARACTERS_MAX),
})

export type DecisionHead = z.output<typeof decisionHeadSchema>

/** What is signed, for whoever checks it with `ssh-keygen -Y verify -n plaited-decision-head`. */
export const decisionHeadMessage = ({ count, hash, at }: ChainEnd & { readonly at: number }): string =>
  canonicalJson({ v: 1, count, hash, at })

export const signDecisionHead = ({ count, hash }: ChainEnd, at: number, signer: Signer): DecisionHead => {
  const signature = signer.sign('plaited-decision-head', decisionHeadMessage({ count, hash, at }))
  return { count, hash, at, signature }
}

export const isDecisionHeadSigned = (head: DecisionHead, isSigned: Verifier): boolean =>
  isSigned({ purpose: 'plaited-decision-head', message: decisionHeadMessage(head), signature: head.signature })
