/** What a predicate sees. The gate passes a deep-frozen, schema-checked value; the evaluator trusts none of that. */
export type RuleEvent = { readonly type: string; readonly detail: Readonly<Record<string, unknown>> }

/** The shape of one field, as far as rules may look into it. `oneOf` lists the only strings that can occur. */
export type FieldShape =
  | 'string'
  | 'number'
  | 'boolean'
  | { readonly oneOf: readonly string[] }
  | { readonly nullable: FieldShape }
  | { readonly array: FieldShape }
  | { readonly fields: FieldTable }

export type FieldTable = Readonly<Record<string, FieldShape>>

/** Every event type that exists, each with the fields of its detail. A rule that names anything else is refused. */
export type EventFields = Readonly<Record<string, FieldTable>>

/** One compiled predicate or event name. */
export type Listener = {
  /** The only types that can match, so that the engine can index by them; null: any type may. */
  readonly eventTypes: readonly string[] | null
  /** @throws {RuleFault} when the predicate cannot be decided; false at once for a type outside `eventTypes`. */
  readonly test: (event: RuleEvent) => boolean
  /** Steps that the last `test` took, which a trial over many events adds up; absent: none. */
  readonly stepsUsed?: () => number
}

/** Where a thread can stand: what it blocks there, and what moves it on. */
export type RuleSync = { readonly block: readonly Listener[]; readonly waitFor: readonly Listener[] }

/** A compiled rule: data and pure closures, nothing of its text runs. */
export type Rule = {
  /** `file#export`, unique in a node. */
  readonly key: string
  /** What the owner reads when the rule blocks: the comment above the export, else its name in words. */
  readonly sentence: string
  /** In order, the first again after the last. One: the rule always holds. Several: a sequence, which has a position. */
  readonly syncs: readonly RuleSync[]
}

/** Why a file is refused. Lines and columns count from 1. */
export type RuleFileFault = {
  readonly line: number
  readonly column: number
  readonly message: string
  readonly fix: string
}
