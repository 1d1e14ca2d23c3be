/** The keeper's folder: the constraint key, and what the keeper must remember between its starts. Nobody else may look in. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSigner, type Signer } from '../constraint-history/ssh-signature.ts'
import { syncFolder, writeWhole } from '../constraint-history/write-whole.ts'
import { onDisk } from '../utils/disk-fault.ts'
import { NodeError } from '../utils/node-error.ts'

const PRIVATE = { folder: 0o700, file: 0o600 }

const keyPath = (folder: string): string => join(folder, 'constraint-key.pem')

export const hasKey = (folder: string): boolean => existsSync(keyPath(folder))

/**
 * Makes the folder where there is none; `requirePrivate` judges one that is there.
 * @throws {NodeError} HOME_UNUSABLE or DISK_FULL.
 */
export const makeKeyFolder = (folder: string): void =>
  onDisk(folder, () => void mkdirSync(folder, { recursive: true, mode: PRIVATE.folder }))

/** Makes a key where there is none; it is on the disk before anything is signed with it. */
export const makeKey = (folder: string): void => {
  const { privateKey } = generateKeyPairSync('ed25519')
  writeWhole(keyPath(folder), privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: PRIVATE.file })
  syncFolder(folder)
}

/** @throws {NodeError} KEEPER_FAILED when there is no key that can be read. */
export const readKey = (folder: string): Signer => {
  try {
    const key = createPrivateKey(readFileSync(keyPath(folder)))
    if (key.asymmetricKeyType !== 'ed25519') throw new Error('it is no Ed25519 key')
    return createSigner(key)
  } catch (error) {
    throw new NodeError(
      'KEEPER_FAILED',
      `the constraint key ${keyPath(folder)} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      {
        hint: 'restore data/keeper from a backup; until then the rules hold, and none can be added',
        cause: error,
      },
    )
  }
}
