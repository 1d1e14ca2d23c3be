import { isLifecycleType, lifecycleVocabulary } from '../agent/lifecycle-vocabulary.ts'
import type { PermissionEventBuilder } from '../agent/permission-event.ts'
import { AT_START, advance, blockersAt } from '../constraint-language/positions.ts'
import type { Rule, RuleEvent } from '../constraint-language/rule.types.ts'
import type { RuleExample, RuleExamples } from '../constraint-spec/rule-spec.schemas.ts'
import { describeIssues } from '../utils/describe-issues.ts'
import type { Refused } from './acceptance.types.ts'
import { describeEvent } from './describe-event.ts'

/** Tries the examples of one file on its rules alone; null when all of them hold. */
export type ExampleCheck = (rules: readonly Rule[], examples: RuleExamples | null) => Refused | null

export const createExampleCheck =
  (build: PermissionEventBuilder): ExampleCheck =>
  (rules, examples) => {
    if (examples === null) return null
    for (const kind of ['mustBlock', 'mustAllow'] as const) {
      for (const example of examples[kind]) {
        const reason = faultOfExample(build, rules, { example, mustBlock: kind === 'mustBlock' })
        if (reason !== null) return { ok: false, step: 'examples', reason, entry: describeExample(example) }
      }
    }
    return null
  }

type Tried = { readonly example: RuleExample; readonly mustBlock: boolean }

const faultOfExample = (
  build: PermissionEventBuilder,
  rules: readonly Rule[],
  { example, mustBlock }: Tried,
): string | null => {
  let positions = AT_START
  for (const { type, detail } of example.after ?? []) {
    const before = buildEvent(build, type, detail)
    if ('fault' in before) return before.fault
    const outcome = isLifecycleType(type) ? 'happened' : 'allowed'
    if (blockersAt(rules, positions, before.event).length > 0 && outcome === 'allowed') {
      return 'what comes before it in this example is blocked already'
    }
    positions = advance(rules, positions, { event: before.event, outcome })
  }
  const built = buildEvent(build, example.type, example.detail)
  if ('fault' in built) return built.fault
  const [blocker] = blockersAt(rules, positions, built.event)
  if (mustBlock) return blocker === undefined ? 'its example of what must be blocked is not blocked' : null
  if (blocker === undefined) return null
  const { rule, fault } = blocker
  return `its example of what must be allowed is blocked by ${rule.key}${fault === null ? '' : `: ${fault}`}`
}

const buildEvent = (
  build: PermissionEventBuilder,
  type: string,
  detail: unknown,
): { readonly event: RuleEvent } | { readonly fault: string } => {
  if (isLifecycleType(type)) {
    const parsed = lifecycleVocabulary[type].safeParse({ v: 1, turn: null, channel: null, ...Object(detail) })
    return parsed.success
      ? { event: { type, detail: parsed.data } }
      : { fault: `its example is no event: ${describeIssues(parsed.error)}` }
  }
  const built = build(type, detail)
  return built.ok ? { event: built.event } : { fault: `its example is no event: ${built.message}` }
}

/** An example on one line, with what happens before it. */
export const describeExample = ({ type, detail, after = [] }: RuleExample): string =>
  [...after, { type, detail }].map((event) => describeEvent(event.type, event.detail)).join(', then ')
