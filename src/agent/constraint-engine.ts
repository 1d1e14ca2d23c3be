/**
 * The permission gate (layer 1): every action asks here first. The owner's rules run as b-threads that can only block;
 * an event that no rule blocks is allowed, an event that cannot be built, is of an unknown type, or makes a rule fail is
 * not. The only file that mints a `PermittedCall`, and it mints it for the very operation it judged.
 */
import type { Positions } from '../constraint-language/positions.ts'
import { deepFreeze } from '../utils/deep-freeze.ts'
import type { PermittedCall, ToolOperation } from './agent.types.ts'
import { digestOf } from './confirmation.ts'
import type { RuleSet } from './constraint-store.ts'
import type { DecisionChain, DecisionEntry } from './decision-chain.ts'
import type { LifecycleEvent } from './lifecycle-vocabulary.ts'
import type { EventContext, PermissionEvent, PermissionEventBuilder } from './permission-event.ts'
import type { PermissionInput } from './permission-vocabulary.ts'
import { type Blocker, createRuleEngine, type Decision, fileOf, type RuleEngine, type Verdict } from './rule-engine.ts'
import type { RulePositions } from './rule-positions.ts'
import type { PermissionQuestion } from './tools/tool.types.ts'
import { questionFor } from './tools/tools.ts'

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
  /** Tells the rules what has happened, which moves sequences; call it in the transaction that records it. */
  readonly note: (event: LifecycleEvent) => void
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

export const createExplain = (ruleSet: RuleSet, build: PermissionEventBuilder, positions: Positions): Explain => {
  const rules = createRuleEngine(ruleSet.rules, positions)
  return (type, input) => {
    const built = build(type, input)
    return built.ok ? orAsk({ rules, asking: ruleSet.asking }, built.event, rules.explain(built.event)) : refusal(built)
  }
}

export type Decided = { readonly outcome: 'allowed' | 'blocked' | 'ask'; readonly blockedBy: readonly string[] }

/** Decides about an event of the record as it was decided then; nothing is recorded and nothing moves. */
export const judgeAgain = (ruleSet: RuleSet, positions: Positions, event: PermissionEvent): Decided => {
  const rules = createRuleEngine(ruleSet.rules, positions)
  const decision = orAsk({ rules, asking: ruleSet.asking }, event, rules.explain(event))
  if (decision.outcome === 'malformed') throw new TypeError(decision.message) // only an input can be
  return { outcome: decision.outcome, blockedBy: decision.blockedBy.map(({ by }) => by) }
}

type Judgement = { readonly decision: Decision; readonly entry: DecisionEntry }

export const createConstraintEngine = ({
  ruleSet,
  build,
  decisions,
  positions,
}: {
  readonly ruleSet: RuleSet
  readonly build: PermissionEventBuilder
  readonly decisions: DecisionChain
  readonly positions: RulePositions
}): PermissionGate => {
  const rules = createRuleEngine(ruleSet.rules, positions.load(ruleSet))
  const hasSequences = rules.positions().size > 0

  const judge: Judge = (question, context) => {
    const stood = hasSequences ? Object.fromEntries(rules.positions()) : null
    const built = buildConfirmed(build, question, context)
    const decision = built.ok
      ? orAsk({ rules, asking: ruleSet.asking }, built.event, rules.decide(built.event))
      : refusal(built)
    const entry: DecisionEntry = {
      type: question.type,
      turn: context.turn ?? null,
      toolUseId: context.toolUseId ?? null,
      outcome: decision.outcome === 'malformed' ? 'blocked' : decision.outcome,
      blockedBy: 'blockedBy' in decision ? decision.blockedBy.map((blocker) => blocker.by) : [],
      reason: describeBlock(decision),
      ...{ rulesHash: ruleSet.hash, rulesHead: ruleSet.head, positions: stood },
      detail: built.ok ? built.event.detail : question.input,
    }
    return { decision, entry }
  }
  /** What moved a sequence and where it then stands are durable together. */
  const moving = <T>(body: () => T): T =>
    hasSequences
      ? positions.transaction('rules.moved', () => {
          const result = body()
          positions.save(ruleSet, rules.positions())
          return result
        })
      : body()
  const record = (question: PermissionQuestion, context: EventContext): { decision: Decision; seq: number } =>
    moving(() => {
      const { decision, entry } = judge(question, context)
      return { decision, seq: decisions.append(entry) }
    })
  const mint = (operation: ToolOperation, toolUseId: string, decisionSeq: number): PermittedCall =>
    Object.freeze({ operation: Object.freeze(operation), toolUseId, decisionSeq }) as PermittedCall

  return {
    permit: (operation, context) => {
      const { decision, seq } = record(questionFor(operation), context)
      return decision.outcome === 'allowed'
        ? { ok: true, call: mint(operation, context.toolUseId ?? '', seq) }
        : { ok: false, decision }
    },
    ...createFileDecisions(judge, decisions, moving),
    decide: (question, context) => record(question, context).decision,
    note: (event) => moving(() => rules.note(event)),
    operate: (operation, _reason) => {
      const question = questionFor(operation)
      const seq = decisions.append({
        type: question.type,
        ...{ turn: null, toolUseId: null, outcome: 'operator', blockedBy: [], reason: 'run from the command line' },
        ...{ rulesHash: ruleSet.hash, rulesHead: ruleSet.head, positions: null },
        detail: question.input,
      })
      return mint(operation, 'operator', seq)
    },
  }
}

type Judge = (question: PermissionQuestion, context: EventContext) => Judgement

/** Decisions about many files at once: their rows are written together. */
const createFileDecisions = (
  judge: Judge,
  decisions: DecisionChain,
  moving: <T>(body: () => T) => T,
): Pick<PermissionGate, 'permitFiles' | 'permitWrites'> => ({
  permitFiles: (paths, context) => {
    const judged = moving(() => {
      const files = [...new Set(paths)].map((path) => ({
        path,
        ...judge({ type: 'permission:file:read', input: { path } }, context),
      }))
      decisions.appendAll(files.filter(isDenied).map(({ entry }) => entry))
      return files
    })
    const denied = judged.filter(isDenied)
    return {
      allowed: new Set(judged.filter((file) => !isDenied(file)).map(({ path }) => path)),
      blockedCount: denied.length,
      blockedBy: [...new Set(denied.flatMap(({ decision }) => nameRules(decision)))],
    }
  },
  permitWrites: (files, context) => {
    const judged = moving(() => recordWrites(judge, decisions, files, context))
    return new Map(
      judged.flatMap(({ decision }, index) =>
        decision.outcome === 'allowed' ? [] : [[index, blockersOf(decision)] as const],
      ),
    )
  },
})

const recordWrites = (
  judge: Judge,
  decisions: DecisionChain,
  files: readonly WrittenFile[],
  context: EventContext,
): readonly Judgement[] => {
  const judged = files.map((input) => judge({ type: 'permission:file:write', input }, context))
  const entries = judged.map(({ entry }) => entry)
  const allowed = entries.filter(({ outcome }) => outcome === 'allowed')
  const [first] = allowed
  const isMany = first !== undefined && allowed.length > ALLOWED_WRITES_RECORDED_MAX
  const summary = isMany ? [{ ...first, detail: summarise(allowed) }] : []
  decisions.appendAll([...summary, ...entries.filter(({ outcome }) => !isMany || outcome !== 'allowed')])
  return judged
}

/** The hash is over the sorted paths, each ended by NUL: it can be had again from the turn's commit. */
const summarise = (allowed: readonly DecisionEntry[]): DecisionEntry['detail'] => {
  const paths = allowed.map(({ detail }) => `${String(detail['path'])}\0`).toSorted()
  const hash = new Bun.CryptoHasher('sha256').update(paths.join(''))
  return { via: 'bash', files: allowed.length, pathsHash: hash.digest('hex') }
}

const blockersOf = (decision: Exclude<Decision, { outcome: 'allowed' }>): readonly Blocker[] =>
  decision.outcome === 'malformed' ? [{ by: 'malformed', sentence: decision.message, fault: null }] : decision.blockedBy

const isDenied = ({ decision }: Judgement): boolean => decision.outcome !== 'allowed'

/** A confirmation counts for the event that it was given for; for any other it is none. */
const buildConfirmed = (
  build: PermissionEventBuilder,
  { type, input }: PermissionQuestion,
  context: EventContext,
): ReturnType<PermissionEventBuilder> => {
  const built = build(type, input, context)
  if (!built.ok || !context.confirmed || context.confirmed.digest === digestOf(built.event)) return built
  return build(type, input, { ...context, confirmed: null })
}

/** Blocked becomes ask exactly when the same event would be allowed once the owner has confirmed it (DESIGN 5). */
const orAsk = (
  { rules, asking }: { readonly rules: RuleEngine; readonly asking: RuleSet['asking'] },
  event: PermissionEvent,
  verdict: Verdict,
): Decision => {
  if (verdict.outcome === 'allowed' || event.detail.confirmed !== null) return verdict
  // A rule that does not read `confirmed` would answer the same again.
  if (!verdict.blockedBy.every(({ by }) => asking.has(fileOf(by)))) return verdict
  const digest = digestOf(event)
  const confirmed = { by: 'owner', at: 0, digest }
  const { outcome } = rules.explain({ type: event.type, detail: deepFreeze({ ...event.detail, confirmed }) })
  return outcome === 'allowed' ? { ...verdict, outcome: 'ask', digest } : verdict
}

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
