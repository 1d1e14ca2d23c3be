import type { Rule } from '../constraint-language/rule.types.ts'
import type { RuleExamples } from '../constraint-spec/rule-spec.schemas.ts'

/** A rule file and what is stored beside it. `file` is its name without `.ts`. */
export type RuleFile = {
  readonly file: string
  readonly source: string
  /** null: none were given, as for the shipped rules. */
  readonly examples: RuleExamples | null
}

/** What refuses a rule: it is not in the language, cannot answer, does not do what its examples say, or bricks the node. */
export type AcceptanceStep = 'language' | 'trial' | 'examples' | 'must-work'

export type Refused = {
  readonly ok: false
  readonly step: AcceptanceStep
  /** For its author: what is wrong, and what to write instead. */
  readonly reason: string
  /** The place in the file, or the event, that shows it. */
  readonly entry: string
}

export type AcceptanceReport = {
  /** The permissions that the rules may block. */
  readonly types: readonly string[]
  /** Events that the trial asked about. */
  readonly tried: number
  /** Whether what they block would be allowed once the owner has confirmed it. */
  readonly asks: 'never' | 'sometimes' | 'always'
  /** At most five events that these rules block, and five that they leave alone, in words. */
  readonly wouldBlock: readonly string[]
  readonly stillAllows: readonly string[]
}

export type Acceptance =
  { readonly ok: true; readonly rules: readonly Rule[]; readonly report: AcceptanceReport } | Refused

/** A stored file that does not pass any more, or a must-work event that the files together block. */
export type AuditFault = Omit<Refused, 'ok'> & {
  /** null: no single file is at fault. */
  readonly file: string | null
}

export type Audit = { readonly rules: readonly Rule[]; readonly faults: readonly AuditFault[] }
