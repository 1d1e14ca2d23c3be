/** The permission gate without its record: the engine and the evaluation of rules as their owner writes them. */

import { createPermissionEventBuilder, type PermissionEvent } from '../agent/permission-event.ts'
import { createRuleEngine } from '../agent/rule-engine.ts'
import type { Listener, Rule } from '../constraint-language/rule.types.ts'
import { systemClock } from '../utils/clock.ts'
import type { BenchRow, Measurement } from './bench.types.ts'
import { createRow } from './create-row.ts'
import { generateRules } from './generate-rules.ts'
import { FILE_WRITE, PERMISSION_EXAMPLES, type PermissionExample } from './permission-examples.ts'
import { timeBatches, timeCalls } from './stopwatch.ts'

const BATCHES = { batches: 1000, warmups: 500, calls: 100 }
const TAIL_CALLS = 50_000

const GATES = [
  { name: 'gate-1000-rules-20-types', rules: 1000, examples: PERMISSION_EXAMPLES, valueMax: 5 },
  { name: 'gate-200-rules-one-type', rules: 200, examples: [FILE_WRITE], valueMax: 20 },
  { name: 'gate-1000-rules-100-sequences', rules: 1000, examples: PERMISSION_EXAMPLES, valueMax: 5, sequenceEvery: 10 },
] as const

export const gateMeasurements: readonly Measurement[] = GATES.map((gate) => ({
  names: [gate.name],
  take: async () => [measureGate(gate)],
}))

type Gate = {
  readonly name: string
  readonly rules: number
  readonly examples: readonly PermissionExample[]
  /** Microseconds. */
  readonly valueMax: number
  readonly sequenceEvery?: number
}

const measureGate = ({ name, rules: count, examples, valueMax, sequenceEvery }: Gate): BenchRow => {
  const rules = generateRules(examples, count, sequenceEvery === undefined ? {} : { sequenceEvery })
  const engine = createRuleEngine(rules)
  const events = buildEvents(examples)
  const decide = inTurn(events, (event) => engine.decide(event).outcome === 'allowed')
  const { subject, floor } = timeBatches(decide, inTurn(events, createBareLoop(rules)), BATCHES)
  return createRow({
    name,
    unit: 'us',
    samples: subject,
    tail: timeCalls(decide, TAIL_CALLS),
    floor: { what: "bare loop over the same compiled predicates of the event's type", samples: floor },
    goal: { valueMax, ratioMax: 2, p99Max: 100 },
  })
}

const buildEvents = (examples: readonly PermissionExample[]): readonly PermissionEvent[] => {
  const build = createPermissionEventBuilder(systemClock, 'UTC')
  return examples.map(({ type, input }) => {
    const built = build(type, input)
    if (!built.ok) throw new Error(`${type}: ${built.message}`)
    return built.event
  })
}

/** Takes the events one after the other, since a cache for one of them would be measured otherwise. */
const inTurn = (events: readonly PermissionEvent[], isAllowed: (event: PermissionEvent) => boolean): (() => void) => {
  let next = 0
  return () => {
    const event = events[next++ % events.length]
    if (event === undefined || !isAllowed(event)) throw new Error(`${event?.type} was not allowed`)
  }
}

const createBareLoop = (rules: readonly Rule[]): ((event: PermissionEvent) => boolean) => {
  const byType = new Map<string, Listener['test'][]>()
  for (const listener of rules.flatMap(({ syncs }) => syncs.slice(0, 1).flatMap(({ block }) => block))) {
    for (const type of listener.eventTypes ?? []) byType.set(type, [...(byType.get(type) ?? []), listener.test])
  }
  return (event) => {
    let blocked = false
    for (const test of byType.get(event.type) ?? []) blocked = test(event) || blocked
    return !blocked
  }
}
