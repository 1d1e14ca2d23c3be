/**
 * The owner's rules as threads of one engine, without events being built or recorded. A rule of one `bSync` always stands
 * at it; a sequence goes from one to the next when something happens that it waits for.
 */
import { bSync } from '../behavioral/b-sync.ts'
import { bThread } from '../behavioral/b-thread.ts'
import { behavioral } from '../behavioral/behavioral.ts'
import type { BPListener, RulesFunction } from '../behavioral/behavioral.types.ts'
import { on } from '../behavioral/on.ts'
import { AT_START, type Positions } from '../constraint-language/positions.ts'
import type { Listener, Rule, RuleEvent } from '../constraint-language/rule.types.ts'
import { NodeError } from '../utils/node-error.ts'

export type Blocker = {
  /** `file#export` of a rule, or the name of a built-in refusal (`unknown-type`, `over-limit`). */
  readonly by: string
  /** The rule in its author's words. */
  readonly sentence: string
  /** Set when the rule could not be evaluated, which also blocks. */
  readonly fault: string | null
}

export type Decision =
  | { readonly outcome: 'allowed'; readonly blockedBy: readonly [] }
  | { readonly outcome: 'blocked'; readonly blockedBy: readonly Blocker[] }
  /** Blocked now, and allowed once the owner has confirmed the event of this digest. */
  | { readonly outcome: 'ask'; readonly blockedBy: readonly Blocker[]; readonly digest: string }
  /** Not an event: nothing was decided. */
  | { readonly outcome: 'malformed'; readonly message: string }

/** What the rules themselves say. */
export type Verdict = Extract<Decision, { outcome: 'allowed' | 'blocked' }>

export type RuleEngine = {
  /** What is allowed has happened: sequences that wait for it move. */
  readonly decide: (event: RuleEvent) => Verdict
  /** As `decide`, and nothing moves. */
  readonly explain: (event: RuleEvent) => Verdict
  /** Something has happened, whatever the rules say. */
  readonly note: (event: RuleEvent) => void
  /** Where every sequence stands; empty when there is none. */
  readonly positions: () => Positions
}

/** The file of a rule, by its key. */
export const fileOf = (key: string): string => key.split('#', 1)[0] ?? key

/** @throws {NodeError} RULE_ILLEGAL when two rules have one key. */
export const createRuleEngine = (rules: readonly Rule[], start: Positions = AT_START): RuleEngine => {
  const engine = behavioral()
  const sentences = new Map(rules.map((rule) => [rule.key, rule.sentence]))
  refuseSameKeys(rules, sentences)
  const sequences = rules.filter(({ syncs }) => syncs.length > 1)
  const positions = new Map(sequences.map(({ key }) => [key, start.get(key) ?? 0]))
  const toThread = (rule: Rule): RulesFunction =>
    positions.has(rule.key) ? toSequence(rule, positions) : bThread(rule.syncs.map(toSync), true)
  engine.bThreads.set(Object.fromEntries(rules.map((rule) => [rule.key, toThread(rule)])), { strict: true })
  const toVerdict = ({ allowed, blockedBy, errors }: ReturnType<typeof engine.decide>): Verdict => {
    if (allowed) return { outcome: 'allowed', blockedBy: [] }
    const faults = new Map(
      errors.map(({ thread, error }) => [thread, error instanceof Error ? error.message : String(error)]),
    )
    const blockers = blockedBy.map((by) => ({ by, sentence: sentences.get(by) ?? by, fault: faults.get(by) ?? null }))
    return { outcome: 'blocked', blockedBy: blockers }
  }
  return {
    decide: (event) => toVerdict(engine.decide(event)),
    explain: (event) => toVerdict(engine.explain(event)),
    note: engine.trigger,
    positions: () => positions,
  }
}

/** Checked here, because an object of threads holds only the last of two. */
const refuseSameKeys = (rules: readonly Rule[], sentences: ReadonlyMap<string, string>): void => {
  if (sentences.size === rules.length) return
  const keys = rules.map(({ key }) => key)
  const twice = keys.find((key, index) => keys.indexOf(key) !== index)
  throw new NodeError('RULE_ILLEGAL', `two rules have the key ${twice}`, { hint: 'rename one of them' })
}

/** Begins where it stands, and notes each move. */
const toSequence = ({ key, syncs }: Rule, positions: Map<string, number>): RulesFunction => {
  const steps = syncs.map((sync, position): RulesFunction => {
    const wait = toSync(sync)
    return function* () {
      positions.set(key, position)
      yield* wait()
    }
  })
  const start = positions.get(key) ?? 0
  return bThread([...steps.slice(start), ...steps.slice(0, start)], true)
}

const toSync = ({ block, waitFor }: Rule['syncs'][number]): RulesFunction =>
  bSync({ block: block.map(toListener), waitFor: waitFor.map(toListener) })

const toListener = ({ eventTypes, test }: Listener): BPListener => (eventTypes === null ? test : on(eventTypes, test))
