/**
 * Text that only the holder of a password can read: AES-256-GCM under a key that scrypt derives from the password and a
 * salt, which is stored with it. The password itself is stored nowhere, so a copy of the node's state is worth nothing
 * without its configuration, and a new password makes the old text unreadable.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'

const SALT_BYTES = 16
const KEY_BYTES = 32
/** As GCM wants it (NIST SP 800-38D 8.2.2); random, so that no counter has to survive a crash. */
const NONCE_BYTES = 12
const TAG_BYTES = 16
const ALGORITHM = 'aes-256-gcm'

const deriveKey = promisify<string, Buffer, number, Buffer>(scrypt)

export type Seal = {
  readonly close: (text: string) => string
  /** null: it was closed with another password, or is not what was closed. */
  readonly open: (sealed: string) => string | null
}

/** A seal for this password. Texts that it closes can be opened by seals of the same password and salt. */
export const createSeal = async (password: string, salt: Buffer): Promise<Seal> => {
  const key = await deriveKey(password, salt, KEY_BYTES)
  return {
    close: (text) => {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(ALGORITHM, key, nonce)
      const hidden = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), hidden]).toString('base64url')
    },
    open: (sealed) => {
      const bytes = Buffer.from(sealed, 'base64url')
      if (bytes.length < NONCE_BYTES + TAG_BYTES) return null
      const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES))
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
      const shown = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES))
      try {
        return Buffer.concat([shown, decipher.final()]).toString('utf8')
      } catch {
        return null // the tag does not fit: the only thing that `final` throws for
      }
    },
  }
}

export const createSalt = (): Buffer => randomBytes(SALT_BYTES)
