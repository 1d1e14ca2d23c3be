import { describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describeWhen } from '../../../test/helpers.ts'
import { beginKeyHistory, KEEPER_EMAIL, parseKeyHistory, renderAllowedSigners } from '../key-history.ts'
import { createSigner, createVerifier, isPublicKey } from '../ssh-signature.ts'

const newSigner = () => createSigner(generateKeyPairSync('ed25519').privateKey)
const signer = newSigner()
const isSigned = createVerifier([signer.publicKey])

describe('a signature', () => {
  test('holds for its message, purpose and key, and for nothing else', () => {
    const signature = signer.sign('git', 'text')
    expect(isSigned({ purpose: 'git', message: 'text', signature })).toBe(true)
    expect(isSigned({ purpose: 'git', message: 'text.', signature })).toBe(false)
    expect(isSigned({ purpose: 'plaited-decision-head', message: 'text', signature })).toBe(false)
    expect(createVerifier([newSigner().publicKey])({ purpose: 'git', message: 'text', signature })).toBe(false)
    expect(createVerifier([])({ purpose: 'git', message: 'text', signature })).toBe(false)
  })

  test('does not hold when any character of it is another', () => {
    const signature = signer.sign('git', 'text')
    fc.assert(
      fc.property(fc.nat(signature.length - 1), fc.constantFrom(...'Aa0+/=\n -'), (at, character) => {
        const changed = signature.slice(0, at) + character + signature.slice(at + 1)
        // The last bits of base64 may carry nothing: then another text has the same bytes.
        const body = (text: string) => Buffer.from(text.replace(/-----.*-----/g, ''), 'base64').toString('hex')
        fc.pre(changed !== signature && body(changed) !== body(signature))
        expect(isSigned({ purpose: 'git', message: 'text', signature: changed })).toBe(false)
      }),
    )
  })

  test('may be any text without a fault', () => {
    fc.assert(
      fc.property(fc.string(), (signature) => {
        expect(isSigned({ purpose: 'git', message: 'text', signature })).toBe(false)
      }),
    )
  })
})

describe('a public key', () => {
  test('is an Ed25519 key in OpenSSH form without a comment', () => {
    expect(isPublicKey(signer.publicKey)).toBe(true)
    for (const text of ['', 'ssh-ed25519', `${signer.publicKey} me`, signer.publicKey.slice(0, -4), 'ssh-rsa AAAA'])
      expect({ text, isKey: isPublicKey(text) }).toEqual({ text, isKey: false })
  })
})

describe('the history of keys', () => {
  const first = beginKeyHistory(signer, 1)
  const next = newSigner()
  const entry = beginKeyHistory(next, 2).keys[0]

  test('begins with a key that signs itself', () => {
    expect(parseKeyHistory(JSON.stringify(first))).toEqual(first)
    expect(parseKeyHistory(JSON.stringify({ ...first, keys: [{ ...first.keys[0], since: 2 }] }))).toBeNull()
  })

  test('takes a further key only when the one before has signed it', () => {
    expect(parseKeyHistory(JSON.stringify({ v: 1, keys: [...first.keys, entry] }))).toBeNull()
    const message = JSON.stringify({ publicKey: next.publicKey, since: 2, v: 1 })
    const signature = signer.sign('plaited-constraint-key', message)
    const signed = { v: 1, keys: [...first.keys, { publicKey: next.publicKey, since: 2, signature }] }
    expect(parseKeyHistory(JSON.stringify(signed))?.keys).toHaveLength(2)
  })

  test.each(['', '{', '{"v":1,"keys":[]}', '{"v":2}', '[]'])('is not %p', (text) => {
    expect(parseKeyHistory(text)).toBeNull()
  })
})

describeWhen(Bun.which('ssh-keygen') !== null, 'ssh-keygen is not installed', 'against ssh-keygen', () => {
  const withFolder = (use: (folder: string) => void) => {
    const folder = mkdtempSync(join(tmpdir(), 'plaited-ssh-'))
    try {
      use(folder)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  test('what we sign is accepted by it', () =>
    withFolder((folder) => {
      const [signers, signature] = [join(folder, 'signers'), join(folder, 'sig')]
      writeFileSync(signers, renderAllowedSigners(beginKeyHistory(signer, 1)))
      writeFileSync(signature, signer.sign('plaited-decision-head', 'text'))
      const verify = (purpose: string, message: string) =>
        Bun.spawnSync(
          ['ssh-keygen', '-Y', 'verify', '-f', signers, '-I', KEEPER_EMAIL, '-n', purpose, '-s', signature],
          {
            stdin: Buffer.from(message),
          },
        ).exitCode
      expect(verify('plaited-decision-head', 'text')).toBe(0)
      expect(verify('plaited-decision-head', 'other')).not.toBe(0)
      expect(verify('git', 'text')).not.toBe(0)
    }))

  test('what it signs is accepted by us', () =>
    withFolder((folder) => {
      const key = join(folder, 'key')
      Bun.spawnSync(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', key])
      const { stdout } = Bun.spawnSync(['ssh-keygen', '-q', '-Y', 'sign', '-f', key, '-n', 'git'], {
        stdin: Buffer.from('text'),
      })
      const publicKey = readFileSync(`${key}.pub`, 'utf8').trim()
      const claim = { purpose: 'git', message: 'text', signature: stdout.toString() } as const
      expect(createVerifier([publicKey])(claim)).toBe(true)
      expect(isSigned(claim)).toBe(false)
    }))
})
