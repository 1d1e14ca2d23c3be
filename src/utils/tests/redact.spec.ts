import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createRedactor, isSecretField, REDACTED } from '../redact.ts'

const SECRET = 'sk-ant-api03-Zx+/9=Q q"\\ü'

/** Characters that keys are made of, without those of `REDACTED`'s brackets. */
const secretText = fc.string({
  unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+/=.:~!$&'),
  minLength: 12,
  maxLength: 80,
})

describe('a known secret', () => {
  const redact = createRedactor([SECRET])

  test.each([
    ['as it is', SECRET],
    ['URL-encoded', encodeURIComponent(SECRET)],
    ['URL-encoded in lower case', encodeURIComponent(SECRET).replace(/%../g, (digits) => digits.toLowerCase())],
    ['as a form', new URLSearchParams({ key: SECRET }).toString().slice('key='.length).replaceAll('%7E', '~')],
    ['in JSON', JSON.stringify(SECRET).slice(1, -1)],
    ['in hex', Buffer.from(SECRET).toString('hex')],
    ['in base64', Buffer.from(SECRET).toString('base64')],
    ['in base64url', Buffer.from(SECRET).toString('base64url')],
    ['in the middle of base64', Buffer.from(`user:${SECRET}@host`).toString('base64')],
    ['in base64 of a URL', encodeURIComponent(Buffer.from(`a${SECRET}b`).toString('base64').replace(/=+$/, ''))],
  ])('%s is taken out, and what stands around it stays', (_, form) => {
    expect(redact(`before <${form}> and <${form}> after`)).toBe(`before <${REDACTED}> and <${REDACTED}> after`)
  })

  test('is never there afterwards, whatever it is and wherever it stood', () => {
    fc.assert(
      fc.property(secretText, fc.string(), fc.string(), fc.nat(3), (secret, before, after, depth) => {
        const nest = (text: string, times: number): string =>
          times === 0 ? text : nest(JSON.stringify({ text }), times - 1)
        const clean = createRedactor([secret])(nest(`${before}${secret}${after}`, depth))
        expect(clean).not.toContain(secret)
        expect(clean).toContain(REDACTED)
      }),
    )
  })

  test('leaves nothing of its bytes in base64, at any alignment', () => {
    fc.assert(
      fc.property(
        secretText,
        fc.uint8Array({ maxLength: 7 }),
        fc.uint8Array({ maxLength: 7 }),
        (secret, before, after) => {
          const bytes = Buffer.concat([before, Buffer.from(secret), after])
          for (const encoding of ['base64', 'base64url'] as const) {
            expect(createRedactor([secret])(bytes.toString(encoding))).toBe(REDACTED)
          }
        },
      ),
    )
  })

  test('that is part of another one does not uncover the rest of it', () => {
    expect(createRedactor(['password', 'password-of-the-house'])('password-of-the-house')).toBe(REDACTED)
  })

  test('that a text repeats without end takes as long as the text, not as its square', () => {
    const secret = 'a secret of the owner'
    const runs = 200_000 // a square of it would take minutes
    expect(createRedactor([secret])(`${btoa(secret)} `.repeat(runs))).toBe(`${REDACTED} `.repeat(runs))
  })

  test('shorter than eight characters is left alone: it would take words apart', () => {
    expect(createRedactor(['', 'a', 'turn.en'])('turn.end a')).toBe('turn.end a')
  })
})

test('text without a secret comes back as it is', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => expect(createRedactor([SECRET])(text)).toBe(text)))
})

describe('a field is secret by its name', () => {
  test.each([
    ...['authorization', 'Authorization', 'proxy-authorization', 'x-api-key', 'apiKey', 'API_KEY', 'anthropicApiKey'],
    ...['token', 'access_token', 'refreshToken', 'password', 'passwd', 'passphrase', 'secret', 'client_secret'],
    ...['cookie', 'Set-Cookie', 'credentials', 'privateKey', 'auth', 'bearer'],
  ])('%s', (name) => {
    expect(isSecretField(name, 'x')).toBe(true)
    expect(isSecretField(name, { deep: 1 })).toBe(true)
  })

  test.each(['key', 'author', 'turn', 'messageId', 'permission'])('%s is not', (name) => {
    expect(isSecretField(name, 'x')).toBe(false)
  })

  test('a number of tokens is a count, a text of them is not', () => {
    expect(isSecretField('inputTokens', 5)).toBe(false)
    expect(isSecretField('accessTokens', 'abc')).toBe(true)
    expect(isSecretField('token', 123_456)).toBe(true)
  })
})
