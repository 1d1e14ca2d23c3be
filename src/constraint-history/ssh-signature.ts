/**
 * SSH signatures (OpenSSH PROTOCOL.sshsig, version 1) with Ed25519, made and checked in this process: `git verify-commit`
 * and `ssh-keygen -Y verify` accept what is signed here, and no key ever has to be a file that they could read.
 *
 * Checking parses nothing. A key, a namespace and a message determine every byte of a signature but its last 64, so the
 * expected bytes are built for each trusted key and compared. Other algorithms and unknown keys simply do not fit.
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

const KEY_TYPE = 'ssh-ed25519'
const MAGIC = Buffer.from('SSHSIG')
const VERSION = 1
const HASH = 'sha512'
const SIGNATURE_BYTES = 64
const RAW_KEY_BYTES = 32
/** As `ssh-keygen` wraps it. */
const ARMOR_COLUMNS = 70
const ARMOR_BEGIN = '-----BEGIN SSH SIGNATURE-----'
const ARMOR_END = '-----END SSH SIGNATURE-----'
const ARMORED = new RegExp(`^${ARMOR_BEGIN}\n((?:[A-Za-z0-9+/=]{1,${ARMOR_COLUMNS}}\n)+)${ARMOR_END}\n$`)

/** What a signature is for; one made for one purpose is worthless for another. */
export type SignaturePurpose = 'git' | 'plaited-constraint-key' | 'plaited-decision-head' | 'plaited-append'

/** Those that git and ssh-keygen may check; a plan to append is for the keeper and the audit alone. */
export const SIGNATURE_PURPOSES: readonly SignaturePurpose[] = [
  'git',
  'plaited-constraint-key',
  'plaited-decision-head',
]

export type Signer = {
  /** In OpenSSH's form, without a comment. */
  readonly publicKey: string
  /** The signature in armor, ending with a line break. */
  readonly sign: (purpose: SignaturePurpose, message: string | Uint8Array) => string
}

export type Verifier = (claim: {
  readonly purpose: SignaturePurpose
  readonly message: string | Uint8Array
  readonly signature: string
}) => boolean

/** Signs with an Ed25519 private key. */
export const createSigner = (privateKey: KeyObject): Signer => {
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' })
  const raw = Buffer.from(x, 'base64url')
  return {
    publicKey: `${KEY_TYPE} ${keyBlob(raw).toString('base64')}`,
    sign: (purpose, message) => {
      const signature = sign(null, signedBytes(purpose, message), privateKey)
      const body = Buffer.concat([signatureHead(raw, purpose), signature]).toString('base64')
      const lines = body.match(new RegExp(`.{1,${ARMOR_COLUMNS}}`, 'g')) ?? []
      return `${[ARMOR_BEGIN, ...lines, ARMOR_END].join('\n')}\n`
    },
  }
}

/** Holds for signatures by one of these keys; a text that is no Ed25519 key of OpenSSH's form adds none. */
export const createVerifier = (publicKeys: readonly string[]): Verifier => {
  const trusted = publicKeys.flatMap((line) => {
    const raw = readPublicKey(line)
    return raw === null ? [] : [{ raw, key: toKeyObject(raw) }]
  })
  return ({ purpose, message, signature }) => {
    const blob = Buffer.from(ARMORED.exec(signature)?.[1] ?? '', 'base64')
    return trusted.some(({ raw, key }) => {
      const head = signatureHead(raw, purpose)
      const isHis = blob.length === head.length + SIGNATURE_BYTES && blob.subarray(0, head.length).equals(head)
      return isHis && verify(null, signedBytes(purpose, message), key, blob.subarray(head.length))
    })
  }
}

/** The 32 bytes of a public key; null when the text is no such key. */
const readPublicKey = (line: string): Buffer | null => {
  const [type, body = '', ...rest] = line.split(' ')
  const blob = Buffer.from(body, 'base64')
  const raw = blob.subarray(-RAW_KEY_BYTES)
  return type === KEY_TYPE && rest.length === 0 && blob.equals(keyBlob(raw)) ? raw : null
}

export const isPublicKey = (line: string): boolean => readPublicKey(line) !== null

const toKeyObject = (raw: Buffer): KeyObject =>
  createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' })

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** `string` of RFC 4251, section 5. */
const sshString = (value: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint32(bytes.length), bytes])
}

const keyBlob = (raw: Uint8Array): Buffer => Buffer.concat([sshString(KEY_TYPE), sshString(raw)])

const signedBytes = (purpose: string, message: string | Uint8Array): Buffer =>
  Buffer.concat([MAGIC, ...[purpose, '', HASH].map(sshString), sshString(createHash(HASH).update(message).digest())])

/** Everything in front of the 64 bytes that only the key's holder can make. */
const signatureHead = (raw: Uint8Array, purpose: string): Buffer =>
  Buffer.concat([
    MAGIC,
    uint32(VERSION),
    sshString(keyBlob(raw)),
    ...[purpose, '', HASH].map(sshString),
    uint32(4 + KEY_TYPE.length + 4 + SIGNATURE_BYTES),
    sshString(KEY_TYPE),
    uint32(SIGNATURE_BYTES),
  ])
