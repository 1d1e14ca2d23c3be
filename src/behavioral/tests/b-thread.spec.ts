import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { bSync } from '../b-sync.ts'
import { bThread } from '../b-thread.ts'
import { isBPEvent } from '../is-bp-event.ts'
import { on } from '../on.ts'
import { shuffleSyncs } from '../shuffle-syncs.ts'
import { useRandomEvent } from '../use-random-event.ts'

const a = { waitFor: 'a' }
const b = { waitFor: 'b' }

/** The first idioms that a thread yields, at most `count`. */
const take = (rules: ReturnType<typeof bThread>, count: number): unknown[] => [...rules().take(count)]

describe('bThread', () => {
  test('runs its rules once, in order', () => {
    expect(take(bThread([bSync(a), bSync(b)]), 9)).toEqual([a, b])
    expect(take(bThread([]), 9)).toEqual([])
  })

  test('repeats for ever with true', () => {
    expect(take(bThread([bSync(a), bSync(b)], true), 5)).toEqual([a, b, a, b, a])
  })

  test('asks a function before each round, so that it may run no round at all', () => {
    let rounds = 2
    expect(
      take(
        bThread([bSync(a), bSync(b)], () => rounds-- > 0),
        9,
      ),
    ).toEqual([a, b, a, b])
    expect(
      take(
        bThread([bSync(a)], () => false),
        9,
      ),
    ).toEqual([])
  })

  test('refuses to repeat nothing, which would hang the process', () => {
    expect(() => bThread([], true)).toThrow(/repeating an empty list of rules/)
    expect(() => bThread([], () => true)).toThrow(/repeating an empty list of rules/)
  })

  test('is a rule itself, and starts afresh each time it is called', () => {
    const inner = bThread([bSync(a), bSync(b)])
    expect(take(bThread([inner, inner]), 9)).toEqual([a, b, a, b])
  })
})

describe('on', () => {
  test('keeps its types once each, and its predicate', () => {
    const predicate = () => true
    expect(on('a', predicate)).toEqual({ types: ['a'], predicate })
    expect(on(['a', 'b', 'a'], predicate)).toEqual({ types: ['a', 'b'], predicate })
  })

  test('refuses what could never match', () => {
    expect(() => on([], () => true)).toThrow(/at least one event type/)
    expect(() => on('a', 'b' as unknown as () => boolean)).toThrow(/must be a function/)
  })
})

describe('isBPEvent', () => {
  test('takes objects with a string type and nothing else', () => {
    expect([{ type: 'a' }, { type: 'a', detail: 1 }].every(isBPEvent)).toBe(true)
    expect([null, undefined, 'a', [], { type: 1 }, {}, () => 'a'].some(isBPEvent)).toBe(false)
  })
})

describe('chance', () => {
  test('useRandomEvent picks one of its events, each of them sooner or later, and nothing out of nothing', () => {
    const events = [{ type: 'a' }, { type: 'b' }, { type: 'c' }]
    const pick = useRandomEvent(...events)
    const picked = new Set(Array.from({ length: 300 }, pick))
    expect([...picked].toSorted((x, y) => String(x?.type).localeCompare(String(y?.type)))).toEqual(events)
    expect(useRandomEvent()()).toBeUndefined()
  })

  test('shuffleSyncs keeps every rule exactly once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 12 }), (count) => {
        const rules = Array.from({ length: count }, (_, index) => bSync({ waitFor: `${index}` }))
        const shuffled = shuffleSyncs(...rules)
        expect(shuffled).toHaveLength(count)
        expect(new Set(shuffled)).toEqual(new Set(rules))
      }),
    )
  })

  test('shuffleSyncs brings every rule to every place', () => {
    const rules = [bSync(a), bSync(b), bSync({})]
    const seen = new Set<string>()
    for (let round = 0; round < 500; round += 1) {
      seen.add(
        shuffleSyncs(...rules)
          .map((rule) => rules.indexOf(rule))
          .join(''),
      )
    }
    expect([...seen].toSorted()).toEqual(['012', '021', '102', '120', '201', '210'])
  })
})
