/**
 * The permission gate (layer 1): every action asks here first. The owner's rules run as b-threads that can only block;
 * an event that no rule blocks is allowed, an event that cannot be built, is of an unknown type, or makes a rule fail is
 * not. The only file that mints a `PermittedCall`, and it mints it for the very operation it judged.
 */
import { bSync } from '../behavioral/b-sync.ts'
import { bThread } from '../behavioral/b-thread.ts'
import { behavioral } from '../behavioral/behavioral.ts'
import type { BPListener, RulesFunction } from '../behavioral/behavioral.types.ts'
import { on } from '../behavioral/on.ts'
import type { Listener, Rule } from '../constraint-language/rule.types.ts'
import { NodeError } from '../utils/node-error.ts'
import type { PermittedCall, ToolOperation } from './agent.types.ts'
import type { RuleSet } from './constraint-store.ts'
import type { DecisionChain, DecisionEntry } from './decision-chain.ts'
import type { EventContext, PermissionEventBuilder } from './permission-event.ts'
import type { PermissionInput } from './permission-vocabulary.ts'
import type { PermissionQuestion } from './tools/tool.types.ts'
import { questionFor } from './tools/tools.ts'

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
  /** Not an event: nothing was decided. */
  | { readonly outcome: 'malformed'; readonly message: string }

/** Marks a call that a person runs from the command line, past the rules; the decision row says `operator`. */
export const unsafeOperatorCall: unique symbol = Symbol('unsafeOperatorCall')

export type PermissionGate = {
  /** Decides about an operation and records it; the proof that the sandbox asks for comes back when it is allowed. */
  readonly permit: (
    operation: ToolOperation,
    context: EventContext,
  ) => { readonly ok: true; readonly call: PermittedCall } | { readonly ok: false; readonly decision: Decision }
  /**
   * Decides about reading each file that a permitted search found, before its name or text goes anywhere. Every file that
   * is blocked is recorded; one that is allowed stands in the row of its search.
   */
  readonly permitFiles: (paths: Iterable<string>, context: EventContext) => PermittedFiles
  /**
   * Decides about files that a command has changed, before they are committed. Every file that is blocked is recorded;
   * those that are allowed too, unless they are so many that one row names their number and the hash of their paths.
   */
  readonly permitWrites: (files: readonly WrittenFile[], context: EventContext) => BlockedWrites
  /** Decides about an action that no sandbox runs (a model call, a payment) and records it. */
  readonly decide: (question: PermissionQuestion, context: EventContext) => Decision
  /** Mints a call without asking the rules; for the operator's own command line. */
  readonly operate: (operation: ToolOperation, reason: typeof unsafeOperatorCall) => PermittedCall
}

/** Which files of a search may be shown, and what the model is told about the rest. */
export type PermittedFiles = {
  readonly allowed: ReadonlySet<string>
  readonly blockedCount: number
  /** The rules that blocked, each once, in words that name no file. */
  readonly blockedBy: readonly string[]
}

export type WrittenFile = PermissionInput<'permission:file:write'>

/** Who blocks, by the position of the file among those that were asked about. */
export type BlockedWrites = ReadonlyMap<number, readonly Blocker[]>

/** Beyond it a row for each allowed file tells nothing that the turn's commit does not: a kilobyte each, kept for ever. */
const ALLOWED_WRITES_RECORDED_MAX = 1_000

/** Answers what the rules say about an event, without recording or advancing anything. */
export type Explain = (type: string, input: unknown) => Decision

export const createExplain = (ruleSet: RuleSet, build: PermissionEventBuilder): Explain => {
  const rules = createRuleEngine(ruleSet.rules)
  return (type, input) => {
    const built = build(type, input)
    return built.ok ? rules.explain(built.event) : refusal(built)
  }
}

export const createConstraintEngine = ({
  ruleSet,
  build,
  decisions,
}: {
  readonly ruleSet: RuleSet
  readonly build: PermissionEventBuilder
  readonly decisions: DecisionChain
}): PermissionGate => {
  const rules = createRuleEngine(ruleSet.rules)
  const judge: Judge = (question, context) => {
    const built = build(question.type, question.input, context)
    const decision = built.ok ? rules.decide(built.event) : refusal(built)
    const blockers = decision.outcome === 'blocked' ? decision.blockedBy : []
    const entry: DecisionEntry = {
      type: question.type,
      turn: context.turn ?? null,
      toolUseId: context.toolUseId ?? null,
      outcome: decision.outcome === 'allowed' ? 'allowed' : 'blocked',
      blockedBy: blockers.map((blocker) => blocker.by),
      reason: describeBlock(decision),
      rulesHash: ruleSet.hash,
      detail: built.ok ? built.event.detail : question.input,
    }
    return { decision, entry }
  }
  const record = (question: PermissionQuestion, context: EventContext): { decision: Decision; seq: number } => {
    const { decision, entry } = judge(question, context)
    return { decision, seq: decisions.append(entry) }
  }
  const mint = (operation: ToolOperation, toolUseId: string, decisionSeq: number): PermittedCall =>
    Object.freeze({ operation: Object.freeze(operation), toolUseId, decisionSeq }) as PermittedCall
  return {
    permit: (operation, context) => {
      const { decision, seq } = record(questionFor(operation), context)
      return decision.outcome === 'allowed'
        ? { ok: true, call: mint(operation, context.toolUseId ?? '', seq) }
        : { ok: false, decision }
    },
    ...createFileDecisions(judge, decisions),
    decide: (question, context) => record(question, context).decision,
    operate: (operation, _reason) => {
      const question = questionFor(operation)
      const seq = decisions.append({
        type: question.type,
        turn: null,
        toolUseId: null,
        outcome: 'operator',
        blockedBy: [],
        reason: 'run from the command line',
        rulesHash: ruleSet.hash,
        detail: question.input,
      })
      return mint(operation, 'operator', seq)
    },
  }
}

type Judge = (question: PermissionQuestion, context: EventContext) => { decision: Decision; entry: DecisionEntry }

/** Decisions about many files at once: their rows are written together. */
const createFileDecisions = (
  judge: Judge,
  decisions: DecisionChain,
): Pick<PermissionGate, 'permitFiles' | 'permitWrites'> => ({
  permitFiles: (paths, context) => {
    const judged = [...new Set(paths)].map((path) => ({
      path,
      ...judge({ type: 'permission:file:read', input: { path } }, context),
    }))
    const blocked = judged.filter(({ decision }) => decision.outcome !== 'allowed')
    decisions.appendAll(blocked.map(({ entry }) => entry))
    return {
      allowed: new Set(judged.flatMap(({ path, decision }) => (decision.outcome === 'allowed' ? [path] : []))),
      blockedCount: blocked.length,
      blockedBy: [...new Set(blocked.flatMap(({ decision }) => nameRules(decision)))],
    }
  },
  permitWrites: (files, context) => {
    const judged = files.map((input) => judge({ type: 'permission:file:write', input }, context))
    const entries = judged.map(({ entry }) => entry)
    const allowed = entries.filter(({ outcome }) => outcome === 'allowed')
    const [first] = allowed
    const isMany = first !== undefined && allowed.length > ALLOWED_WRITES_RECORDED_MAX
    const summary = isMany ? [{ ...first, detail: summarise(allowed) }] : []
    decisions.appendAll([...summary, ...entries.filter(({ outcome }) => !isMany || outcome !== 'allowed')])
    return new Map(
      judged.flatMap(({ decision }, index) =>
        decision.outcome === 'allowed' ? [] : [[index, blockersOf(decision)] as const],
      ),
    )
  },
})

/** The hash is over the sorted paths, each ended by NUL: it can be had again from the turn's commit. */
const summarise = (allowed: readonly DecisionEntry[]): DecisionEntry['detail'] => {
  const paths = allowed.map(({ detail }) => `${String(detail['path'])}\0`).toSorted()
  const hash = new Bun.CryptoHasher('sha256').update(paths.join(''))
  return { via: 'bash', files: allowed.length, pathsHash: hash.digest('hex') }
}

const blockersOf = (decision: Exclude<Decision, { outcome: 'allowed' }>): readonly Blocker[] =>
  decision.outcome === 'malformed' ? [{ by: 'malformed', sentence: decision.message, fault: null }] : decision.blockedBy

/** One line for the model and the owner; null when nothing blocks. */
export const describeBlock = (decision: Decision): string | null => {
  if (decision.outcome === 'allowed') return null
  if (decision.outcome === 'malformed') return decision.message
  return decision.blockedBy
    .map(
      ({ by, sentence, fault }) => `${by}: ${sentence}${fault ? ` (the rule could not be evaluated: ${fault})` : ''}`,
    )
    .join('; ')
}

/** Without the fault of a rule, which may quote what was judged. */
const nameRules = (decision: Decision): readonly string[] =>
  decision.outcome === 'malformed'
    ? [decision.message]
    : decision.blockedBy.map(({ by, sentence }) => `${by}: ${sentence}`)

const refusal = (built: {
  readonly refusal: 'blocked' | 'malformed'
  readonly by: string
  readonly message: string
}): Decision =>
  built.refusal === 'malformed'
    ? { outcome: 'malformed', message: built.message }
    : { outcome: 'blocked', blockedBy: [{ by: built.by, sentence: built.message, fault: null }] }

/** Asks the rules alone, without building or recording an event. */
export const createRuleEngine = (rules: readonly Rule[]) => {
  const engine = behavioral()
  const sentences = new Map(rules.map((rule) => [rule.key, rule.sentence]))
  // Checked here, because an object of threads holds only the last of two.
  if (sentences.size < rules.length) {
    const keys = rules.map(({ key }) => key)
    const twice = keys.find((key, position) => keys.indexOf(key) !== position)
    throw new NodeError('RULE_ILLEGAL', `two rules have the key ${twice}`, { hint: 'rename one of them' })
  }
  engine.bThreads.set(Object.fromEntries(rules.map((rule) => [rule.key, toThread(rule)])), { strict: true })
  type Answer = ReturnType<typeof engine.decide>
  const toDecision = ({ allowed, blockedBy, errors }: Answer): Decision => {
    if (allowed) return { outcome: 'allowed', blockedBy: [] }
    const faults = new Map(
      errors.map(({ thread, error }) => [thread, error instanceof Error ? error.message : String(error)]),
    )
    return {
      outcome: 'blocked',
      blockedBy: blockedBy.map((key) => ({
        by: key,
        sentence: sentences.get(key) ?? key,
        fault: faults.get(key) ?? null,
      })),
    }
  }
  return {
    decide: (event: { type: string; detail: unknown }) => toDecision(engine.decide(event)),
    explain: (event: { type: string; detail: unknown }) => toDecision(engine.explain(event)),
  }
}

const toThread = (rule: Rule): RulesFunction =>
  bThread(
    rule.syncs.map(({ block, waitFor }) => bSync({ block: block.map(toListener), waitFor: waitFor.map(toListener) })),
    true,
  )

const toListener = ({ eventTypes, test }: Listener): BPListener => (eventTypes === null ? test : on(eventTypes, test))
