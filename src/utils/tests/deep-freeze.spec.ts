import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { deepFreeze } from '../deep-freeze.ts'

const isDeepFrozen = (value: unknown): boolean =>
  value === null || typeof value !== 'object' || (Object.isFrozen(value) && Object.values(value).every(isDeepFrozen))

describe('a deep-frozen value', () => {
  test('is the same value, frozen everywhere', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const copy: unknown = structuredClone(value)
        expect(deepFreeze(value)).toBe(value)
        expect(isDeepFrozen(value)).toBe(true)
        expect(value).toEqual(copy as typeof value)
      }),
    )
  })

  test('is frozen within, also when its outside was frozen before', () => {
    const shallow = Object.freeze({ inner: { text: 'a' } })
    deepFreeze(shallow)
    expect(Object.isFrozen(shallow.inner)).toBe(true)
  })
})
