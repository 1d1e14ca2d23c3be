/** Random programs for the property tests, described as data so that a failing one can be read. */
import fc from 'fast-check'
import { bSync } from '../b-sync.ts'
import { bThread } from '../b-thread.ts'
import type { BPEvent, BPListener, RequestTemplate, RulesFunction } from '../behavioral.types.ts'
import { on } from '../on.ts'

type ListenerSpec =
  | { readonly kind: 'name'; readonly type: string }
  | { readonly kind: 'bare'; readonly types: readonly string[]; readonly above: number }
  | { readonly kind: 'on'; readonly types: readonly string[]; readonly above: number }

type RequestSpec =
  | { readonly kind: 'event'; readonly type: string; readonly detail: number }
  | { readonly kind: 'template'; readonly types: readonly string[] }
  | { readonly kind: 'shared' }

export type SyncSpec = {
  readonly request: RequestSpec | null
  readonly waitFor: readonly ListenerSpec[]
  readonly block: readonly ListenerSpec[]
  readonly interrupt: readonly ListenerSpec[]
}

export type ThreadSpec = { readonly syncs: readonly SyncSpec[]; readonly rounds: number }

export type ProgramSpec = Readonly<Record<string, ThreadSpec>>

const TYPES = ['a', 'b', 'c', 'd'] as const
const THREAD_NAMES = ['t1', 't2', 't3', 't4', 't5', 't6'] as const

const type = fc.constantFrom(...TYPES)
const types = fc.uniqueArray(type, { minLength: 1, maxLength: 3 })
const detail = fc.integer({ min: 0, max: 3 })

const listener: fc.Arbitrary<ListenerSpec> = fc.oneof(
  fc.record({ kind: fc.constant('name' as const), type }),
  fc.record({ kind: fc.constant('bare' as const), types, above: fc.integer({ min: -1, max: 2 }) }),
  fc.record({ kind: fc.constant('on' as const), types, above: fc.integer({ min: -1, max: 2 }) }),
)

const listeners = (maxLength: number): fc.Arbitrary<ListenerSpec[]> => fc.array(listener, { maxLength })

const request: fc.Arbitrary<RequestSpec> = fc.oneof(
  fc.record({ kind: fc.constant('event' as const), type, detail }),
  fc.record({ kind: fc.constant('template' as const), types }),
  fc.record({ kind: fc.constant('shared' as const) }),
)

const thread: fc.Arbitrary<ThreadSpec> = fc.record({
  syncs: fc.array(
    fc.record({
      request: fc.option(request, { freq: 2 }),
      waitFor: listeners(2),
      block: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 2, arbitrary: listeners(2) }),
      interrupt: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: listeners(1) }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  rounds: fc.integer({ min: 1, max: 3 }),
})

/** Threads that only wait and block, as rules do, and repeat for ever. */
const rule: fc.Arbitrary<ThreadSpec> = fc.record({
  syncs: fc.array(
    fc.record({
      request: fc.constant(null),
      waitFor: listeners(1),
      block: listeners(2),
      interrupt: fc.constant([]),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  rounds: fc.constant(Number.POSITIVE_INFINITY),
})

const program = (of: fc.Arbitrary<ThreadSpec>): fc.Arbitrary<ProgramSpec> =>
  fc.dictionary(fc.constantFrom(...THREAD_NAMES), of, {
    minKeys: 1,
    maxKeys: THREAD_NAMES.length,
    noNullPrototype: true,
  })

export const anyProgram = program(thread)
export const anyRules = program(rule)
export const anyEvent: fc.Arbitrary<BPEvent> = fc.record({ type, detail })
export const anyType = type

/** Fresh rules functions for one engine: templates count their calls, so two engines must not share them. */
export const buildThreads = (spec: ProgramSpec): Record<string, RulesFunction> => {
  const shared = createTemplate(TYPES)
  return Object.fromEntries(
    Object.entries(spec).map(([name, { syncs, rounds }]) => [
      name,
      repeat(
        syncs.map((sync) => buildSync(sync, shared)),
        rounds,
      ),
    ]),
  )
}

const buildSync = (sync: SyncSpec, shared: RequestTemplate): RulesFunction =>
  bSync({
    ...(sync.request !== null && { request: buildRequest(sync.request, shared) }),
    waitFor: oneOrMany(sync.waitFor),
    block: oneOrMany(sync.block),
    interrupt: oneOrMany(sync.interrupt),
  })

const repeat = (rules: readonly RulesFunction[], rounds: number): RulesFunction => {
  if (rounds === 1) return bThread(rules)
  if (rounds === Number.POSITIVE_INFINITY) return bThread(rules, true)
  let left = rounds
  return bThread(rules, () => left-- > 0)
}

const buildRequest = (spec: RequestSpec, shared: RequestTemplate): BPEvent | RequestTemplate => {
  if (spec.kind === 'event') return { type: spec.type, detail: spec.detail }
  return spec.kind === 'shared' ? shared : createTemplate(spec.types)
}

const createTemplate = (choices: readonly string[]): RequestTemplate => {
  let calls = 0
  return () => {
    calls += 1
    return { type: choices[calls % choices.length] ?? 'a', detail: calls % 4 }
  }
}

const buildListener = (spec: ListenerSpec): BPListener => {
  if (spec.kind === 'name') return spec.type
  if (spec.kind === 'on') return on<number>(spec.types, (event) => event.detail > spec.above)
  return (event) => spec.types.includes(event.type) && event.detail > spec.above
}

const oneOrMany = (specs: readonly ListenerSpec[]): BPListener | readonly BPListener[] | undefined => {
  const [first, ...others] = specs.map(buildListener)
  return first !== undefined && others.length > 0 ? [first, ...others] : first
}
