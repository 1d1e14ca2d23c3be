import { z } from 'zod'
import { parseRuleSpec } from '../../constraint-spec/rule-spec.schemas.ts'
import type { Tool } from './tool.types.ts'

/** Characters of what the owner is said to want: they are told it as a quotation. What they said themself is kept. */
const INTENT_CHARACTERS_MAX = 500

// The whole schema of a spec would be most of a request: a spec that does not fit is answered with what is wrong in it.
const input = z
  .strictObject({ intent: z.string().min(1).max(INTENT_CHARACTERS_MAX), spec: z.record(z.string(), z.unknown()) })
  .superRefine(({ spec }, context) => {
    const parsed = parseRuleSpec(spec)
    if (!parsed.ok) context.addIssue({ code: 'custom', path: ['spec'], message: parsed.message })
  })

/** The owner decides, by a code that no model sees: a proposal alone changes nothing. */
export const proposeRuleTool: Tool<z.output<typeof input>> = {
  name: 'propose_rule',
  description: `Proposes a rule that blocks actions from now on; the owner is asked to confirm it. Use it when the owner wants something never done, limited, or asked about first. intent: the owner's words. spec: {name, sentence, event: "permission:payment:send", blockWhenAll: [{field, op, value}], examples: {mustBlock: [{type, detail}], mustAllow: [{type, detail}]}}. op: over atLeast under atMost totalOver is isNot startsWith endsWith contains isAnyOf isNoneOf hasAnyOf isInside isOutside isHostOf isNoHostOf runsAnyOf isBetween. Amounts are in millionths. {field: "confirmed", op: "is", value: null} asks instead of forbidding.`,
  input,
  idempotent: false,
  prepare: ({ intent, spec }) => {
    const parsed = parseRuleSpec(spec)
    if (!parsed.ok) throw new TypeError(parsed.message) // the schema has refused it
    return {
      summary: `propose rule ${parsed.spec.name}`,
      action: { kind: 'proposal', intent, spec: parsed.spec },
    }
  },
}
