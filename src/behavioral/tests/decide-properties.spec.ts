import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { behavioral } from '../behavioral.ts'
import type { SnapshotMessage } from '../behavioral.types.ts'
import { anyEvent, anyProgram, anyRules, buildThreads, type ProgramSpec } from './random-program.ts'

const anyEvents = fc.array(anyEvent, { minLength: 1, maxLength: 12 })

/** An engine with the threads of every program under a name of its own, started. */
const start = (...programs: readonly ProgramSpec[]) => {
  const engine = behavioral()
  const trace: unknown[] = []
  const record = (type: string) => (detail: unknown) => void trace.push([type, detail])
  engine.useFeedback({ a: record('a'), b: record('b'), c: record('c'), d: record('d') })
  for (const [index, program] of programs.entries()) {
    const threads = Object.entries(buildThreads(program))
    engine.bThreads.set(Object.fromEntries(threads.map(([name, rules]) => [`${index}:${name}`, rules])))
  }
  engine.trigger({ type: 'start' })
  return { ...engine, trace }
}

const blockOnly = (program: ProgramSpec): ProgramSpec =>
  Object.fromEntries(
    Object.entries(program).map(([name, { syncs, rounds }]) => {
      return [name, { rounds, syncs: syncs.map((sync) => ({ ...sync, waitFor: [] })) }]
    }),
  )

/** Without templates, which only a trigger's selection calls, since there the event competes with other requests. */
const staticOnly = (program: ProgramSpec): ProgramSpec =>
  Object.fromEntries(
    Object.entries(program).map(([name, { syncs, rounds }]) => {
      const isStatic = ({ request }: (typeof syncs)[number]): boolean => request === null || request.kind === 'event'
      return [name, { rounds, syncs: syncs.map((sync) => (isStatic(sync) ? sync : { ...sync, request: null })) }]
    }),
  )

describe('decide', () => {
  test('adding threads that only block and wait never allows more', () => {
    fc.assert(
      fc.property(anyRules, anyRules, anyEvents, (rules, more, events) => {
        const fewer = start(rules)
        const all = start(rules, more)
        // Step for step along what all of them allow: the stricter program's histories are among the laxer one's.
        for (const event of events) {
          const isAllowedByFewer = fewer.explain(event).allowed
          const { allowed } = all.decide(event)
          if (allowed) expect(isAllowedByFewer).toBe(true)
          if (allowed) fewer.decide(event)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('adding threads that only block denies everything that was denied before, whatever the history', () => {
    fc.assert(
      fc.property(anyRules, anyRules.map(blockOnly), anyEvents, (rules, more, events) => {
        const engine = start(rules)
        for (const event of events) engine.decide(event)
        const before = events.map((event) => engine.explain(event))
        engine.bThreads.set(Object.fromEntries(Object.entries(buildThreads(more)).map(([k, v]) => [`more:${k}`, v])))
        for (const [index, event] of events.entries()) {
          const names = engine.explain(event).blockedBy
          expect(names).toEqual(expect.arrayContaining([...(before[index]?.blockedBy ?? [])]))
        }
      }),
      { numRuns: 300 },
    )
  })

  test('a blocked event leaves the engine as if it had never been asked', () => {
    fc.assert(
      fc.property(anyProgram, anyEvents, anyEvents, (program, events, questions) => {
        const asked = start(program)
        const unasked = start(program)
        const actual: SnapshotMessage[] = []
        const expected: SnapshotMessage[] = []
        for (const event of events) {
          for (const question of questions) if (!asked.explain(question).allowed) asked.decide(question)
          const ends = [
            asked.useSnapshot((m) => void actual.push(m)),
            unasked.useSnapshot((m) => void expected.push(m)),
          ]
          asked.trigger(event)
          unasked.trigger(event)
          for (const end of ends) end()
        }
        expect(actual).toEqual(expected)
        expect(asked.trace).toEqual(unasked.trace)
      }),
      { numRuns: 500 },
    )
  })

  test('answers as explain does, and an allowed event is the next to happen, once', () => {
    fc.assert(
      fc.property(anyProgram, anyEvents, (program, events) => {
        const { decide, explain, trace } = start(program)
        for (const event of events) {
          const announced = explain(event)
          const before = trace.length
          expect(decide(event)).toEqual(announced)
          expect(announced.allowed).toBe(announced.blockedBy.length === 0)
          if (announced.allowed) expect(trace[before]).toEqual([event.type, event.detail])
          else expect(trace).toHaveLength(before)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('an allowed event moves the program exactly as a trigger would', () => {
    fc.assert(
      fc.property(anyProgram.map(staticOnly), anyEvents, (program, events) => {
        const decided = start(program)
        const triggered = start(program)
        for (const event of events) {
          if (decided.decide(event).allowed) triggered.trigger(event)
          expect(decided.trace).toEqual(triggered.trace)
        }
      }),
      { numRuns: 500 },
    )
  })
})
