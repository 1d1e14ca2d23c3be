/**
 * Which keys may have signed the rules: the first signs itself, each later one is signed by the one before. Kept beside the
 * repository (`.git/constraint-keys.json`), with the same keys for git and ssh-keygen in `.git/allowed_signers`.
 */
import { z } from 'zod'
import { canonicalJson } from '../utils/canonical-json.ts'
import { createVerifier, isPublicKey, SIGNATURE_PURPOSES, type Signer } from './ssh-signature.ts'

/** Keys that a history may hold: one is replaced when it leaks or is lost, which is once in years. */
const KEYS_MAX = 100
/** Characters of a signature in armor: 3 lines of 70 and one shorter, with room. */
const SIGNATURE_CHARACTERS_MAX = 512
/** Name of the keeper in commits and in `allowed_signers`. */
export const KEEPER_EMAIL = 'keeper@plaited.invalid'

const keySchema = z.strictObject({
  publicKey: z.string().refine(isPublicKey, 'is no Ed25519 key of OpenSSH'),
  /** Milliseconds since the epoch. */
  since: z.int().nonnegative(),
  signature: z.string().max(SIGNATURE_CHARACTERS_MAX),
})
const historySchema = z.strictObject({ v: z.literal(1), keys: z.array(keySchema).min(1).max(KEYS_MAX) })

export type KeyHistory = z.output<typeof historySchema>

const messageOf = (publicKey: string, since: number): string => canonicalJson({ v: 1, publicKey, since })

/** A history with one key, which signs itself. */
export const beginKeyHistory = (signer: Signer, since: number): KeyHistory => {
  const signature = signer.sign('plaited-constraint-key', messageOf(signer.publicKey, since))
  return { v: 1, keys: [{ publicKey: signer.publicKey, since, signature }] }
}

/** null when the text is no key history, or one of its keys was not signed by the one before. */
export const parseKeyHistory = (text: string): KeyHistory | null => {
  const parsed = historySchema.safeParse(parseJson(text))
  if (!parsed.success) return null
  const { keys } = parsed.data
  const isSigned = keys.every(({ publicKey, since, signature }, index) => {
    const isValid = createVerifier([keys[index - 1]?.publicKey ?? publicKey])
    return isValid({ purpose: 'plaited-constraint-key', message: messageOf(publicKey, since), signature })
  })
  return isSigned ? parsed.data : null
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return null // no schema takes it
  }
}

/** ALLOWED SIGNERS of ssh-keygen(1). */
export const renderAllowedSigners = ({ keys }: KeyHistory): string =>
  keys.map(({ publicKey }) => `${KEEPER_EMAIL} namespaces="${SIGNATURE_PURPOSES.join(',')}" ${publicKey}\n`).join('')
