import { createPermissionEventBuilder } from '../../agent/permission-event.ts'
import { permissionFields } from '../../agent/permission-fields.ts'
import { parseRuleFile } from '../../constraint-language/parse-rule-file.ts'
import { RuleFault } from '../../constraint-language/rule-fault.ts'
import { compileSpec } from '../compile-spec.ts'
import type { RuleSpec } from '../rule-spec.schemas.ts'

const NOON_MS = 12 * 3_600_000
const build = createPermissionEventBuilder({ now: () => NOON_MS }, 'UTC')

/** The only rule that a spec is compiled to. */
export const ruleOf = (spec: RuleSpec) => {
  const parsed = parseRuleFile({ file: spec.name, source: compileSpec(spec), fields: permissionFields })
  if (!parsed.ok) throw new Error(`${JSON.stringify(parsed.faults)}\n${compileSpec(spec)}`)
  const [rule, ...others] = parsed.rules
  if (rule === undefined || others.length > 0) throw new Error('not one rule')
  return rule
}

/** What the compiled spec says about an event. */
export const blocks = (spec: RuleSpec, type: string, detail: Record<string, unknown>): boolean | 'fault' => {
  const built = build(type, detail)
  if (!built.ok) throw new Error(built.message)
  try {
    return ruleOf(spec).syncs.some(({ block }) => block.some(({ test }) => test(built.event)))
  } catch (error) {
    if (error instanceof RuleFault) return 'fault'
    throw error
  }
}
