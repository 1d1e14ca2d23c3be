import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { canonicalJson, type Json } from '../canonical-json.ts'

const json = fc.jsonValue() as fc.Arbitrary<Json>

/** The same value with the members of every object in another order. */
const reversed = (value: Json): Json => {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(reversed)
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  )
}

describe('canonical JSON', () => {
  test('gives equal bytes for equal values, whatever the order of members', () => {
    fc.assert(fc.property(json, (value) => expect(canonicalJson(reversed(value))).toBe(canonicalJson(value))))
  })

  test('is JSON of the same value', () => {
    fc.assert(
      fc.property(json, (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value)) // as JSON has it: without -0
        expect(JSON.parse(canonicalJson(value))).toEqual(plain)
      }),
    )
  })

  test('sorts members by code unit and writes no white space', () => {
    expect(canonicalJson({ b: [1, 2.5, -0], é: null, a: { z: true, '': 'x' }, A: '"\n' })).toBe(
      '{"A":"\\"\\n","a":{"":"x","z":true},"b":[1,2.5,0],"é":null}',
    )
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses %p anywhere, which JSON would turn into null',
    (number) => {
      expect(() => canonicalJson({ a: [number] })).toThrow(TypeError)
    },
  )
})
