import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { behavioral } from '../behavioral.ts'
import type { BPEvent, Handlers, RulesFunction, SnapshotEntry } from '../behavioral.types.ts'
import { naiveEngine } from './naive-engine.ts'
import { anyEvent, anyProgram, anyType, buildThreads, type ProgramSpec } from './random-program.ts'

type Act =
  | { readonly kind: 'trigger'; readonly event: BPEvent }
  | { readonly kind: 'set'; readonly program: ProgramSpec }
  | { readonly kind: 'has'; readonly name: string }

/** What a handler does when its event happens, as often as its budget allows. */
type Reaction = { readonly on: string; readonly act: Act; readonly times: number }

type Engine = {
  readonly bThreads: {
    readonly set: (threads: Record<string, RulesFunction>) => void
    readonly has: (name: string) => unknown
  }
  readonly trigger: (event: BPEvent) => void
  readonly useFeedback: (handlers: Handlers) => unknown
  readonly useSnapshot: (listener: (message: readonly SnapshotEntry[]) => void) => unknown
}

const anyAct: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('trigger' as const), event: anyEvent }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('set' as const), program: anyProgram }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('has' as const), name: fc.constantFrom('t1', 't2', 't3') }) },
)

const anyReaction: fc.Arbitrary<Reaction> = fc.record({
  on: anyType,
  act: anyAct,
  times: fc.integer({ min: 1, max: 2 }),
})

/** Plays the acts and writes down everything that can be seen from outside. */
const play = (
  engine: Engine,
  acts: readonly Act[],
  options: { reactions: readonly Reaction[]; isWatched: boolean },
) => {
  const trace: unknown[] = []
  const perform = (act: Act): void => {
    if (act.kind === 'trigger') engine.trigger(act.event)
    else if (act.kind === 'set') engine.bThreads.set(buildThreads(act.program))
    else trace.push(['has', act.name, engine.bThreads.has(act.name)])
  }
  if (options.isWatched) engine.useSnapshot((message) => trace.push(['snapshot', message]))
  const record = (type: string) => (detail: unknown) => void trace.push(['event', type, detail])
  engine.useFeedback({ a: record('a'), b: record('b'), c: record('c'), d: record('d') })
  for (const { on, act, times } of options.reactions) {
    let left = times
    engine.useFeedback({
      [on]: () => {
        if (left-- > 0) perform(act)
        trace.push(['reacted', on])
      },
    })
  }
  for (const act of acts) {
    perform(act)
    trace.push('idle')
  }
  return trace
}

describe('the engine and its plain description', () => {
  for (const isWatched of [true, false]) {
    test(`agree on every event, snapshot and status of random programs, ${isWatched ? '' : 'un'}watched`, () => {
      fc.assert(
        fc.property(
          anyProgram,
          fc.array(anyAct, { minLength: 1, maxLength: 8 }),
          fc.array(anyReaction, { maxLength: 3 }),
          (program, later, reactions) => {
            const acts: Act[] = [{ kind: 'set', program }, ...later]
            const engine = behavioral()
            const actual = play(engine, acts, { reactions, isWatched })
            expect(actual).toEqual(play(naiveEngine(), acts, { reactions, isWatched }))
            expect(engine.errors().filter(({ kind }) => kind !== 'duplicate')).toEqual([])
          },
        ),
        { numRuns: 1500 },
      )
    })
  }
})
