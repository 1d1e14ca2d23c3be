import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createSalt, createSeal } from '../sealed-text.ts'

describe('a sealed text', () => {
  test('is read by a seal of the same password and salt, and by no other', async () => {
    const salt = createSalt()
    const [seal, same, otherPassword, otherSalt] = await Promise.all([
      createSeal('abcd-efgh', salt),
      createSeal('abcd-efgh', salt),
      createSeal('abcd-efgi', salt),
      createSeal('abcd-efgh', createSalt()),
    ])
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (text) => {
        const sealed = seal.close(text)
        expect(same.open(sealed)).toBe(text)
        expect([otherPassword.open(sealed), otherSalt.open(sealed)]).toEqual([null, null])
      }),
      { numRuns: 30 },
    )
  })

  test('that was changed or cut off anywhere is none', async () => {
    const seal = await createSeal('abcd', createSalt())
    const bytes = Buffer.from(seal.close('a session'), 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(seal.open(changed.toString('base64url'))).toBeNull()
      expect(seal.open(bytes.subarray(0, at).toString('base64url'))).toBeNull()
    }
  })

  test('looks different each time', async () => {
    const seal = await createSeal('abcd', createSalt())
    expect(seal.close('x')).not.toBe(seal.close('x'))
  })
})
