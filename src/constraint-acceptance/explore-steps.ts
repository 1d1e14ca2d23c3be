/**
 * The steps of an exploration, computed once: which samples each sync blocks and waits for. Samples that all rules treat
 * alike are one kind, of which there are few; so a step is some table look-ups, however many samples and rules there are.
 */
import { isLifecycleType } from '../agent/lifecycle-vocabulary.ts'
import { advance, blockersAt } from '../constraint-language/positions.ts'
import type { Rule, RuleEvent } from '../constraint-language/rule.types.ts'
import type { Sample } from './boundary-events.ts'

/** Samples that no rule tells apart, at any sync. */
export type EventKind = {
  /** One of them. */
  readonly sample: Sample
  readonly types: ReadonlySet<string>
  /** For each sequence and each of its syncs. */
  readonly blocks: readonly (readonly boolean[])[]
  readonly moves: readonly (readonly boolean[])[]
}

export type Steps = {
  /** The sync of each sequence, in the order of the rules. */
  readonly start: readonly number[]
  /** Every kind of event that can happen in a state, and the state it leads to. */
  readonly from: (
    state: readonly number[],
  ) => readonly { readonly kind: EventKind; readonly state: readonly number[] }[]
}

export const createSteps = (rules: readonly Rule[], samples: readonly Sample[]): Steps => {
  const sequences = rules.filter(({ syncs }) => syncs.length > 1)
  const always = rules.filter(({ syncs }) => syncs.length === 1)
  const possible = samples.filter(({ event }) => isLifecycleType(event.type) || !isBlocked(always, event))
  const kinds = kindsOf(possible, sequences)
  return {
    start: sequences.map(() => 0),
    from: (state) =>
      kinds
        .filter(({ blocks }) => !state.some((sync, at) => blocks[at]?.[sync]))
        .map((kind) => ({ kind, state: moved(kind, state) })),
  }
}

const moved = ({ moves }: EventKind, state: readonly number[]): readonly number[] =>
  state.map((sync, at) => (moves[at]?.[sync] ? (sync + 1) % (moves[at]?.length ?? 1) : sync))

const kindsOf = (samples: readonly Sample[], sequences: readonly Rule[]): readonly EventKind[] => {
  const kinds = new Map<string, EventKind & { readonly types: Set<string> }>()
  for (const sample of samples) {
    const { event } = sample
    const isFact = isLifecycleType(event.type)
    const blocks = sequences.map((rule) => rule.syncs.map((_, sync) => !isFact && isBlocked([rule], event, sync)))
    const moves = sequences.map((rule) => rule.syncs.map((_, sync) => doesMove(rule, event, sync)))
    const key = JSON.stringify([blocks, moves])
    const kind = kinds.get(key) ?? { sample, types: new Set(), blocks, moves }
    kind.types.add(event.type)
    kinds.set(key, kind)
  }
  return [...kinds.values()]
}

const isBlocked = (rules: readonly Rule[], event: RuleEvent, sync = 0): boolean =>
  blockersAt(rules, new Map(rules.map(({ key }) => [key, sync])), event).length > 0

const doesMove = (rule: Rule, event: RuleEvent, sync: number): boolean => {
  const before = new Map([[rule.key, sync]])
  return advance([rule], before, { event, outcome: 'happened' }) !== before
}
