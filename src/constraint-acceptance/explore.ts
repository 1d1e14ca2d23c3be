/**
 * What sequences can lead to. A set of rules has one state for each combination of the places where its sequences can
 * stand; from every state, every sample that is not blocked there leads to the next. Walked in breadth, so that the way
 * shown to a finding is a shortest one.
 *
 * It proves what it finds, over the samples it has: a permission that is never allowed may be allowed for an event that no
 * sample is like, and what some state blocks is held up there, perhaps only for a while.
 */
import { isLifecycleType } from '../agent/lifecycle-vocabulary.ts'
import { blockersAt } from '../constraint-language/positions.ts'
import type { Rule } from '../constraint-language/rule.types.ts'
import type { Sample } from './boundary-events.ts'
import { describeEvent } from './describe-event.ts'
import { createSteps, type EventKind, type Steps } from './explore-steps.ts'
import type { MustWorkEvents } from './must-work.ts'

/** States that are walked before the walk is cut. */
export const STATES_MAX = 100_000

export type HeldUp = {
  /** What must work and is blocked. */
  readonly what: string
  readonly blockedBy: readonly string[]
  /** What happens before, one line for each event, from the start. */
  readonly after: readonly string[]
}

export type Exploration = {
  readonly states: number
  /** The walk was cut: what it did not find may exist. */
  readonly isIncomplete: boolean
  /** Permissions of which no sample is allowed in any state. */
  readonly unreachable: readonly string[]
  /** The syncs at which no sequence ever stands, as `file#export` and a number from 1. */
  readonly unreachedSyncs: readonly string[]
  /** The first state found in which each must-work event is blocked, if any. */
  readonly heldUp: readonly HeldUp[]
}

/** Walks the states of a set of rules. Pure: the same rules and samples give the same answer. */
export const exploreRules = ({
  rules,
  samples,
  mustWork,
  statesMax = STATES_MAX,
}: {
  readonly rules: readonly Rule[]
  readonly samples: readonly Sample[]
  readonly mustWork: readonly MustWorkEvents[]
  readonly statesMax?: number
}): Exploration => {
  const sequences = rules.filter(({ syncs }) => syncs.length > 1)
  const steps = createSteps(rules, samples)
  const walk = walkStates(steps, statesMax)
  const allowed = new Set(walk.allowed.flatMap((kind) => [...kind.types]))
  const types = new Set(samples.map(({ event }) => event.type).filter((type) => !isLifecycleType(type)))
  return {
    states: walk.visited.length,
    isIncomplete: walk.isIncomplete,
    unreachable: [...types].filter((type) => !allowed.has(type)),
    unreachedSyncs: sequences.flatMap(({ key, syncs }, at) =>
      syncs.flatMap((_, sync) => (walk.visited.some(({ state }) => state[at] === sync) ? [] : [`${key} ${sync + 1}`])),
    ),
    heldUp: firstOfEach(
      mustWork.flatMap((entry) => findHeldUp(entry, { rules, sequences, visited: walk.visited }) ?? []),
    ),
  }
}

const firstOfEach = (found: readonly HeldUp[]): readonly HeldUp[] => [
  ...new Map(found.toReversed().map((each) => [each.what, each])).values(),
]

/** A state that was reached, from which, and by which event. */
type Visit = { readonly state: readonly number[]; readonly from: Visit | null; readonly by: Sample | null }

const walkStates = (steps: Steps, statesMax: number) => {
  const visited: Visit[] = [{ state: steps.start, from: null, by: null }]
  const seen = new Set([steps.start.join()])
  const allowed = new Set<EventKind>()
  let isIncomplete = false
  for (let next = 0; next < visited.length; next += 1) {
    const visit = visited[next]
    if (visit === undefined) break
    for (const { kind, state } of steps.from(visit.state)) {
      allowed.add(kind)
      const key = state.join()
      if (seen.has(key)) continue
      if (visited.length === statesMax) {
        isIncomplete = true
        continue
      }
      seen.add(key)
      visited.push({ state, from: visit, by: kind.sample })
    }
  }
  return { visited, allowed: [...allowed], isIncomplete }
}

type Walked = {
  readonly rules: readonly Rule[]
  readonly sequences: readonly Rule[]
  readonly visited: readonly Visit[]
}

const findHeldUp = ({ what, events }: MustWorkEvents, { rules, sequences, visited }: Walked): HeldUp | null => {
  const judge = createJudge(rules, sequences, events)
  const visit = visited.find(({ state }) => judge(state).every((keys) => keys.length > 0))
  if (visit === undefined) return null
  return { what, blockedBy: [...new Set(judge(visit.state).flat())], after: waysTo(visit) }
}

/** Which rules block each of some events in a state; each rule is asked about each event at each sync only once. */
const createJudge = (rules: readonly Rule[], sequences: readonly Rule[], events: MustWorkEvents['events']) => {
  const blocks = (rule: Rule, sync: number, event: MustWorkEvents['events'][number]): boolean =>
    blockersAt([rule], new Map([[rule.key, sync]]), event).length > 0
  const always = events.map((event) =>
    rules.filter((rule) => rule.syncs.length === 1 && blocks(rule, 0, event)).map(({ key }) => key),
  )
  const table = events.map((event) => sequences.map((rule) => rule.syncs.map((_, sync) => blocks(rule, sync, event))))
  return (state: readonly number[]): readonly (readonly string[])[] =>
    events.map((_, at) => [
      ...(always[at] ?? []),
      ...sequences.filter((__, sequence) => table[at]?.[sequence]?.[state[sequence] ?? 0]).map(({ key }) => key),
    ])
}

const waysTo = (visit: Visit): readonly string[] => {
  const way: string[] = []
  for (let at: Visit | null = visit; at?.by; at = at.from) way.unshift(describeEvent(at.by.event.type, at.by.input))
  return way
}
