/**
 * Whether a rule may be added for good. A rule cannot be taken back from inside, so it has to prove itself first, in four
 * steps: it is in the language, and every field it reads exists; it can answer about every event that can occur; it blocks
 * and allows what its examples say; and the node can still do what it must. The agent asks here before it proposes a rule,
 * the keeper before it appends one, and both at every start.
 *
 * A predicate that faults on one legal event is refused without exception: a fault blocks, so the rule would block more
 * than it says, and whatever may be null or missing can be asked about in the language (`detail.bytes !== null && ...`).
 *
 * It does not judge whether a rule is wise, and nothing in it depends on the time that it takes.
 */
import { isLifecycleType, type LifecycleType, lifecycleVocabulary } from '../agent/lifecycle-vocabulary.ts'
import { asIfConfirmed, createPermissionEventBuilder, type PermissionEventBuilder } from '../agent/permission-event.ts'
import { permissionFields } from '../agent/permission-fields.ts'
import { isPermissionType, type PermissionType, permissionVocabulary } from '../agent/permission-vocabulary.ts'
import { parseRuleFile } from '../constraint-language/parse-rule-file.ts'
import { AT_START, blockersAt } from '../constraint-language/positions.ts'
import type { Listener, Rule, RuleEvent } from '../constraint-language/rule.types.ts'
import { RuleFault } from '../constraint-language/rule-fault.ts'
import type { RuleExamples } from '../constraint-spec/rule-spec.schemas.ts'
import type { Acceptance, AcceptanceReport, Audit, Refused, RuleFile } from './acceptance.types.ts'
import { lifecycleSamples, permissionSamples, type Sample } from './boundary-events.ts'
import { describeEvent } from './describe-event.ts'
import { type Exploration, exploreRules } from './explore.ts'
import { createMustWork, type MustWorkCheck, mustWorkEvents } from './must-work.ts'
import { createExampleCheck, describeExample, type ExampleCheck } from './rule-examples.ts'

/** Steps of all predicates of one file over all samples, a second's work; the largest shipped file needs a twelfth. */
const TRIAL_STEPS_MAX = 20_000_000
/** Events shown of each kind. */
const SHOWN_MAX = 5
/** When the samples and examples happen that do not say when: at noon, UTC, on a Thursday. */
const NOON_MS = 12 * 3_600_000

export type RuleAcceptance = {
  /** Tries one file. `existing` are the rules that hold already: together they must leave the node able to work. */
  readonly acceptRule: (file: RuleFile, existing?: readonly Rule[]) => Acceptance
  /**
   * Tries one stored file as at a start: its language and its examples. A file whose examples do not hold any more keeps
   * its rules: they still forbid what they forbid.
   */
  readonly checkStored: (file: RuleFile) => { readonly rules: readonly Rule[]; readonly fault: Refused | null }
  /** What must work under all rules together; null when it does. */
  readonly checkTogether: (rules: readonly Rule[]) => Refused | null
  /** Both of these for all stored files at once; a caller that must stay answerable takes them one by one. */
  readonly auditRules: (files: readonly RuleFile[]) => Audit
  /** Walks the states of all rules together, over the samples of every type. */
  readonly explore: (rules: readonly Rule[]) => Exploration
  /** Boundary events of the given types, in order; unknown types have none. */
  readonly samplesOf: (types: readonly string[]) => readonly Sample[]
}

/** Prepares acceptance. Samples are built when a rule first names their type, and kept. */
export const createRuleAcceptance = (): RuleAcceptance => {
  const build = createPermissionEventBuilder({ now: () => NOON_MS }, 'UTC')
  const tools: Tools = {
    samplesOf: createSamples(build),
    examples: createExampleCheck(build),
    mustWork: createMustWork(build),
  }
  return {
    acceptRule: (file, existing = []) => acceptRule(tools, file, existing),
    checkStored: (file) => checkStored(tools, file),
    checkTogether: tools.mustWork,
    auditRules: (files) => auditRules(tools, files),
    explore: (rules) =>
      exploreRules({
        rules,
        samples: [...PERMISSION_TYPES, ...LIFECYCLE_TYPES].flatMap(tools.samplesOf),
        mustWork: mustWorkEvents(build),
      }),
    samplesOf: (types) => types.flatMap(tools.samplesOf),
  }
}

type Tools = {
  readonly samplesOf: (type: string) => readonly Sample[]
  readonly examples: ExampleCheck
  readonly mustWork: MustWorkCheck
}

const acceptRule = (tools: Tools, file: RuleFile, existing: readonly Rule[]): Acceptance => {
  const read = readRules(file)
  if (!read.ok) return read
  const { rules } = read
  const trial = tryOut(rules, tools.samplesOf)
  if (!trial.ok) return trial
  const refused = tools.examples(rules, file.examples) ?? tools.mustWork([...existing, ...rules])
  if (refused !== null) return refused
  return { ok: true, rules, report: { ...preview(rules, file.examples, tools.samplesOf), tried: trial.tried } }
}

const checkStored = (tools: Tools, file: RuleFile): ReturnType<RuleAcceptance['checkStored']> => {
  const read = readRules(file)
  return read.ok ? { rules: read.rules, fault: tools.examples(read.rules, file.examples) } : { rules: [], fault: read }
}

const auditRules = (tools: Tools, files: readonly RuleFile[]): Audit => {
  const checked = files.map(({ file, ...rest }) => ({ file, ...checkStored(tools, { file, ...rest }) }))
  const rules = checked.flatMap((each) => each.rules)
  const together = tools.mustWork(rules)
  return {
    rules,
    faults: [
      ...checked.flatMap(({ file, fault }) => (fault === null ? [] : [{ ...fault, file }])),
      ...(together === null ? [] : [{ ...together, file: null }]),
    ],
  }
}

const readRules = ({ file, source }: RuleFile): { readonly ok: true; readonly rules: readonly Rule[] } | Refused => {
  const parsed = parseRuleFile({ file, source, fields: permissionFields })
  if (parsed.ok) return parsed
  const [fault] = parsed.faults
  return {
    ok: false,
    step: 'language',
    reason: `${fault?.message ?? 'it is not a rule'}; ${fault?.fix ?? 'see the skill behavioral-core'}`,
    entry: `${file}.ts:${fault?.line ?? 1}:${fault?.column ?? 1}`,
  }
}

const createSamples = (build: PermissionEventBuilder): Tools['samplesOf'] => {
  const known = new Map<string, readonly Sample[]>()
  return (type) => {
    const found = known.get(type) ?? makeSamples(type, build)
    known.set(type, found)
    return found
  }
}

const makeSamples = (type: string, build: PermissionEventBuilder): readonly Sample[] => {
  if (isPermissionType(type)) return permissionSamples(type, build)
  return isLifecycleType(type) ? lifecycleSamples(type) : []
}

const PERMISSION_TYPES = Object.keys(permissionVocabulary) as PermissionType[]
const LIFECYCLE_TYPES = Object.keys(lifecycleVocabulary) as LifecycleType[]

type Trial = { readonly ok: true; readonly tried: number } | Refused

/** Asks every predicate about every sample that can reach it. */
const tryOut = (rules: readonly Rule[], samplesOf: Tools['samplesOf']): Trial => {
  let tried = 0
  let steps = 0
  for (const { listener, types } of listenersOf(rules)) {
    for (const sample of types.flatMap(samplesOf)) {
      const fault = faultOf(listener, sample)
      tried += 1
      steps += listener.stepsUsed?.() ?? 0
      if (fault !== null) return refuseTrial(`it cannot be decided about an event that can occur: ${fault}`, sample)
      if (steps > TRIAL_STEPS_MAX) {
        return refuseTrial(
          'it takes too long to decide: use fewer predicates, and fewer patterns over long texts',
          sample,
        )
      }
    }
  }
  return { ok: true, tried }
}

const listenersOf = (rules: readonly Rule[]) =>
  rules.flatMap(({ syncs }) =>
    syncs.flatMap(({ block, waitFor }) => [
      ...block.map((listener) => ({ listener, types: listener.eventTypes ?? PERMISSION_TYPES })),
      ...waitFor.map((listener) => ({
        listener,
        types: listener.eventTypes ?? [...PERMISSION_TYPES, ...LIFECYCLE_TYPES],
      })),
    ]),
  )

const faultOf = ({ test }: Listener, { event }: Sample): string | null => {
  try {
    test(event)
    return null
  } catch (error) {
    if (error instanceof RuleFault) return error.message
    throw error
  }
}

/** With the fields that were left out of the input, since one of them may be why. */
const refuseTrial = (reason: string, { event, input }: Sample): Refused => {
  const own = isPermissionType(event.type) ? Object.keys(permissionVocabulary[event.type].input.shape) : []
  const shown = { ...Object.fromEntries(own.map((name) => [name, event.detail[name]])), ...input }
  return { ok: false, step: 'trial', reason, entry: describeEvent(event.type, shown) }
}

/** What the owner is shown before confirming: the examples, then ordinary events, each once. */
const preview = (
  rules: readonly Rule[],
  examples: RuleExamples | null,
  samplesOf: Tools['samplesOf'],
): Omit<AcceptanceReport, 'tried'> => {
  const listeners = rules.flatMap(({ syncs }) => syncs.flatMap(({ block }) => block))
  const types = PERMISSION_TYPES.filter((type) =>
    listeners.some(({ eventTypes }) => eventTypes === null || eventTypes.includes(type)),
  )
  const samples = types.flatMap(samplesOf).filter(({ isPlain }) => isPlain)
  const standing = rules.flatMap((rule) => rule.syncs.map((sync) => ({ ...rule, syncs: [sync] })))
  const isStopped = (event: RuleEvent) => blockersAt(standing, AT_START, event).length > 0
  const isBlocked = ({ event }: Sample) => isStopped(event)
  const stopped = types
    .flatMap(samplesOf)
    .filter((sample) => sample.event.detail['confirmed'] === null && isBlocked(sample))
  const asked = stopped.filter(({ event }) => !isStopped(asIfConfirmed(event)))
  const show = (given: RuleExamples['mustBlock'] = [], found: readonly Sample[]) => {
    const lines = [...given.map(describeExample), ...found.map(({ event, input }) => describeEvent(event.type, input))]
    return [...new Set(lines)].slice(0, SHOWN_MAX)
  }
  return {
    types,
    asks: asked.length === 0 ? 'never' : asked.length < stopped.length ? 'sometimes' : 'always',
    wouldBlock: show(examples?.mustBlock, samples.filter(isBlocked)),
    stillAllows: show(
      examples?.mustAllow,
      samples.filter((sample) => !isBlocked(sample)),
    ),
  }
}
