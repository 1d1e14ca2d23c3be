import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createTestClock } from '../../agent/tests/state-fixture.ts'
import { createOwnerCode, parseOwnerCode } from '../../utils/owner-code.ts'
import { createLinkDesk } from '../link-desk.ts'

const CODE = 'BCDF-GHJK'
const WRONG = 'BCDF-GHJL'
const MINUTES_MS = 60_000

const desk = () => {
  const clock = createTestClock()
  return { clock, desk: createLinkDesk(clock, () => CODE) }
}

describe('a link code', () => {
  test('links whoever types it, in whatever form, once', () => {
    for (const typed of [CODE, 'bcdfghjk', ' bcdf ghjk \n', 'BCDF–GHJK'.replace('–', '-')]) {
      const { desk: it } = desk()
      it.begin()
      expect(it.redeem(typed)).toBe('linked')
      expect(it.redeem(typed)).toBe('no-code')
    }
  })

  test('is void after five wrong tries', () => {
    const { desk: it } = desk()
    it.begin()
    for (let tries = 0; tries < 5; tries++) expect(it.redeem(WRONG)).toBe('wrong')
    expect(it.redeem(CODE)).toBe('no-code')
  })

  test('survives four, and everything that is no code', () => {
    const { desk: it } = desk()
    it.begin()
    for (let tries = 0; tries < 4; tries++) it.redeem(WRONG)
    for (const text of ['hello', '', 'BCDF-GHJ', 'ABCD-EFGH', `${CODE} please`, `x${CODE}`]) {
      expect(it.redeem(text)).toBe('no-code')
    }
    expect(it.redeem(CODE)).toBe('linked')
  })

  test('is void after ten minutes, and when a new one is made', () => {
    const { clock, desk: it } = desk()
    const { expiresAt } = it.begin()
    expect(expiresAt).toBe(clock.now() + 10 * MINUTES_MS)
    clock.advance(10 * MINUTES_MS)
    expect(it.redeem(CODE)).toBe('no-code')
    let made = 0
    const second = createLinkDesk(clock, () => (made++ === 0 ? CODE : WRONG))
    second.begin()
    second.begin()
    expect(second.redeem(CODE)).toBe('wrong')
  })

  test('does not exist before it is made', () => {
    expect(desk().desk.redeem(CODE)).toBe('no-code')
  })

  test('is 8 of 20 consonants, and is read back as it was made', () => {
    fc.assert(
      fc.property(fc.nat(), () => {
        const code = createOwnerCode()
        expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
        expect(parseOwnerCode(code.toLowerCase().replace('-', ''))).toBe(code)
      }),
    )
  })
})
